import type { Session } from './api.js';

const MAX_RECENT = 6;

/**
 * The people that were looked at last in this tab. Only ids are kept, and only as long as the tab is open: an identifier would stay
 * on the disk of a shared machine.
 */
export function recentIds(session: Session): readonly number[] {
  const kept: unknown = JSON.parse(sessionStorage.getItem(nameOf(session)) ?? '[]');
  return Array.isArray(kept) ? kept.filter((id) => Number.isSafeInteger(id)) : [];
}

/** Puts a person first. */
export function remember(session: Session, id: number): void {
  const others = recentIds(session).filter((each) => each !== id);
  sessionStorage.setItem(nameOf(session), JSON.stringify([id, ...others].slice(0, MAX_RECENT)));
}

/** Whoever signs in next has looked at nobody yet. */
export function forget(session: Session): void {
  sessionStorage.removeItem(nameOf(session));
}

function nameOf({ tenant, key }: Session): string {
  return `recent ${tenant} ${key?.id ?? ''}`;
}
