import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const MODULE = pathToFileURL(resolve('dist/src/telemetry/logging/loggable.js')).href;

test.each([
  ['is thrown', 'setTimeout(() => { throw error; })'],
  ['rejects a promise', 'void Promise.reject(error)'],
])('an error that nobody handles and that %s ends the process without what it quotes', async (_, act) => {
  const program = `
    import { installLastWords } from '${MODULE}';
    installLastWords((error) => process.stdout.write(JSON.stringify(error)), 3);
    const error = Object.assign(new Error('duplicate key'), {
      name: 'DatabaseError', code: '23505', severity: 'ERROR', table: 'identifier',
      detail: 'Key (value)=(marty@hillvalley.edu) already exists.',
    });
    ${act};`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'pipe' });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  expect(await once(child, 'close')).toEqual([3, null]);
  expect(JSON.parse(output)).toEqual({
    name: 'DatabaseError',
    code: '23505',
    severity: 'ERROR',
    table: 'identifier',
  });
});
