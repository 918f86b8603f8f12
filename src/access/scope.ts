/**
 * What an API key may do: `identify` links identifiers, `read` looks up, `delete` deletes contacts, `admin` does all of
 * it.
 */
export const SCOPES = ['identify', 'read', 'delete', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Whether scopes suffice for what asks for one of them. */
export function allows(granted: ReadonlySet<string>, needed: Scope): boolean {
  return granted.has(needed) || granted.has('admin');
}
