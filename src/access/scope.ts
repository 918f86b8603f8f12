/**
 * What an API key may do: `identify` links identifiers, `read` looks up, `curate` repairs identities by hand, `delete`
 * deletes contacts, `erase` erases all that is stored of a person, `events` tells what has changed, `admin` allows everything.
 */
export const SCOPES = ['identify', 'read', 'curate', 'delete', 'erase', 'events', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** What a new key may do if nothing else is said. */
export const DEFAULT_SCOPES: readonly Scope[] = ['identify', 'read'];

/** Whether a key with these scopes may use a route that needs this one. */
export function allows(granted: ReadonlySet<string>, needed: Scope): boolean {
  return granted.has(needed) || granted.has('admin');
}
