/** One instruction, in one line. */
export interface Instruction {
  readonly keyword: string;
  /** What follows the keyword, without its flags. */
  readonly text: string;
  /** `--name=value` by name. */
  readonly flags: Readonly<Record<string, string>>;
}

/** What stands between one FROM and the next. */
export interface Stage {
  readonly base: string;
  readonly name: string | null;
  readonly instructions: readonly Instruction[];
}

/** The stages of a Dockerfile, in order. */
export function parseDockerfile(text: string): Stage[] {
  const stages: { base: string; name: string | null; instructions: Instruction[] }[] = [];
  for (const line of joinedLines(text)) {
    const instruction = parseInstruction(line);
    if (instruction.keyword === 'FROM') {
      const [base, , name = null] = instruction.text.split(/\s+/) as [string, string?, string?];
      stages.push({ base, name, instructions: [] });
    } else {
      stages.at(-1)!.instructions.push(instruction);
    }
  }
  return stages;
}

/**
 * Whether the build may copy a file or folder of the project, by the `.dockerignore`.
 *
 * @throws {Error} if the file is not a list of what is let through, since then the answer would be more than a look-up
 */
export function isInContext(path: string, dockerignore: string): boolean {
  const [first, ...others] = joinedLines(dockerignore);
  if (first !== '*' || !others.every((line) => /^![^*?[]+$/.test(line))) {
    throw new Error('.dockerignore must begin with * and let through whole names only');
  }
  return others.some((line) => path === line.slice(1) || path.startsWith(`${line.slice(1)}/`));
}

function joinedLines(text: string): string[] {
  return text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function parseInstruction(line: string): Instruction {
  const [, keyword, flags, text] = /^(\w+)\s+((?:--[a-z-]+=\S+\s+)*)(.*)$/.exec(line)!;
  const pairs = [...flags!.matchAll(/--([a-z-]+)=(\S+)/g)].map(([, name, value]) => [name!, value!]);
  return {
    keyword: keyword!.toUpperCase(),
    text: text!,
    flags: Object.fromEntries(pairs) as Record<string, string>,
  };
}
