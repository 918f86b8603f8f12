import { readFileSync } from 'node:fs';

interface Lockfile {
  readonly packages: Readonly<
    Record<string, { version: string; dev?: true; optional?: true; devOptional?: true; peer?: true }>
  >;
}

/** Folder and version of every package that production needs, by the lockfile. */
export function productionPackages(): Map<string, string> {
  return packages('package-lock.json');
}

/** The same of what npm has installed somewhere, by the list that it keeps there. */
export function installedPackages(nodeModules: string): Map<string, string> {
  return packages(`${nodeModules}/.package-lock.json`, () => true);
}

function packages(
  path: string,
  isWanted = ({ dev, optional, devOptional }: Lockfile['packages'][string]) =>
    !dev && !optional && !devOptional,
): Map<string, string> {
  const lockfile = JSON.parse(readFileSync(path, 'utf8')) as Lockfile;
  return new Map(
    Object.entries(lockfile.packages)
      .filter(([folder, entry]) => folder !== '' && isWanted(entry))
      .map(([folder, { version }]) => [folder, version] as const)
      .toSorted(([a], [b]) => a.localeCompare(b)),
  );
}
