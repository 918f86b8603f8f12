import { readFileSync } from 'node:fs';
import { command } from '../support/command.js';
import { markdownFiles } from './documents.js';

/** A call of the command line, up to where the text of the document goes on. */
const CALL =
  /(?:npm run (?:--silent )?cli --|npm run(?= (?:import|export) )|dist\/src\/cli\/main\.js) ([^`|)\n]+)/g;

const CALLS = markdownFiles().flatMap((file) =>
  [...readFileSync(file, 'utf8').replaceAll('\\\n', ' ').matchAll(CALL)].map(
    ([, words]) => [words!.replace(/^(import|export) -- /, '$1 ').trim(), file] as const,
  ),
);

test('the documents call nearly every command', () => {
  expect(new Set(CALLS.map(([words]) => words.split(' ')[0])).size).toBeGreaterThan(10);
});

test.each(CALLS)('the options of `%s` in %s exist', async (words) => {
  // up to its first option or value: with more of it, the command might run
  const path = /^[a-z-]+(?: [a-z][a-z-]*(?= |$))*/.exec(words)![0].split(' ');
  const { code, stdout } = await command([...path, '--help'], {});
  expect(code).toBe(0);
  const known = new Set(stdout.match(/--[a-z][a-z-]*/g));
  const used = words.match(/(?<= )--[a-z][a-z-]*/g) ?? [];
  expect(used.filter((name) => !known.has(name))).toEqual([]);
});
