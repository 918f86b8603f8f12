import { existsSync, readFileSync } from 'node:fs';

interface Package {
  readonly version: string;
  readonly engines: { readonly node: string };
}

/** package.json, two folders above this file and three above the built file. */
const PACKAGE: Package = ['../../package.json', '../../../package.json']
  .map((path) => new URL(path, import.meta.url))
  .filter((url) => existsSync(url))
  .map((url) => JSON.parse(readFileSync(url, 'utf8')) as Package)[0]!;

export const VERSION = PACKAGE.version;

/** Ends the process with an exit code, and says why, if this Node is older than package.json requires. */
export function requireNode(exitCode: number): void {
  const needed = Number(/\d+/.exec(PACKAGE.engines.node)![0]);
  const { node } = process.versions;
  if (Number.parseInt(node, 10) < needed) {
    process.stderr.write(
      `This needs Node ${needed} or later, but ${process.execPath} is Node ${node}. npm scripts bring their own Node: try \`npm start\` or \`npm run cli\`.\n`,
    );
    process.exit(exitCode);
  }
}
