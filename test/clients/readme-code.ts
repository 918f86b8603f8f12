import { readFileSync } from 'node:fs';

/** The blocks of code of a language in a document, in order. */
export function codeOf(file: string, language: string): string[] {
  const blocks = readFileSync(file, 'utf8').matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'));
  return [...blocks].map(([, code]) => code!);
}
