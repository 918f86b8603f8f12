import type { Rendering } from './rendering.js';

/** One of our own rules. Its name is the fact that holds; it answers with what contradicts it. */
export interface Rule {
  readonly name: string;
  readonly violations: (rendering: Rendering) => string[];
}

/** A violation if the two differ. */
export function differs(what: string, actual: unknown, expected: unknown): string[] {
  const [is, shouldBe] = [JSON.stringify(actual), JSON.stringify(expected)];
  return is === shouldBe ? [] : [`${what} is ${is} in place of ${shouldBe}`];
}

/** A violation unless it holds. */
export function unless(isFine: boolean, violation: string): string[] {
  return isFine ? [] : [violation];
}

/** Whether a selector of labels picks what carries them. */
export function selects(
  selector: Record<string, string> | undefined,
  labels: Record<string, string> = {},
): boolean {
  const wanted = Object.entries(selector ?? {});
  return wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value);
}
