/**
 * What an API key may do: `identify` links identifiers, `read` looks up, `delete` deletes contacts, `admin` allows
 * everything.
 */
export const SCOPES = ['identify', 'read', 'delete', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Whether a key with these scopes may use a route that needs this one. */
export function allows(granted: ReadonlySet<string>, needed: Scope): boolean {
  return granted.has(needed) || granted.has('admin');
}
