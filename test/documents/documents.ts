import { globSync, readFileSync } from 'node:fs';

/** Every Markdown file of the repository, by path. */
export function markdownFiles(): string[] {
  const skipped = new Set(['node_modules', 'dist', 'data', 'coverage', '.git']);
  return globSync(['*.md', '{docs,deploy,bench,clients,console,.github}/**/*.md'], {
    exclude: (path) => skipped.has(path) || path === 'bench/report',
  }).toSorted();
}

/** The text of a Markdown file without its blocks of code, whose lines may look like headings and links. */
export function proseOf(file: string): string {
  return readFileSync(file, 'utf8').replaceAll(/^( *)```[^]*?^\1```$/gm, '');
}

/** The anchors that GitHub gives to the headings of a Markdown file. */
export function anchorsOf(file: string): Set<string> {
  const seen = new Map<string, number>();
  return new Set(
    [...proseOf(file).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => {
      const anchor = heading!
        .toLowerCase()
        .replaceAll(/\]\([^)]*\)/g, '')
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-');
      const count = seen.get(anchor) ?? 0;
      seen.set(anchor, count + 1);
      return count === 0 ? anchor : `${anchor}-${count}`;
    }),
  );
}
