import { IdentityClient, ProblemError, type Identity } from '../../clients/typescript/src/index.js';

/** The public API, with the session's cookie. A person waits, so it gives up sooner than a program. */
export const api = new IdentityClient({ url: location.origin, retries: 2, maxWaitMs: 3_000 });

/** Who is signed in, and what the console may offer; `src/console/console.controller.ts` answers it. */
export interface Session {
  readonly authMode: 'none' | 'api-key';
  readonly tenant: string;
  readonly key: { readonly id: string; readonly name: string } | null;
  readonly scopes: readonly string[];
  readonly isEmbedded: boolean;
  readonly version: string;
}

/** null: nobody is signed in. */
export async function readSession(): Promise<Session | null> {
  const response = await fetch('/console/session');
  if (response.status === 401) {
    return null;
  }
  return sessionOf(response);
}

/** Opens a session; the browser keeps its cookie, and the key is kept nowhere. */
export async function signIn(key: string): Promise<void> {
  // No key has other characters than a header may have. What has some is no key, and the service says so.
  const headers = { authorization: `Bearer ${encodeURIComponent(key.trim())}` };
  await sessionOf(await fetch('/console/session', { method: 'POST', headers }));
}

/** Ends the session, unless it has ended. */
export async function signOut(): Promise<void> {
  const response = await fetch('/console/session', { method: 'DELETE' });
  if (!response.ok && response.status !== 401) {
    throw await refusalOf(response);
  }
}

async function sessionOf(response: Response): Promise<Session> {
  if (!response.ok) {
    throw await refusalOf(response);
  }
  return (await response.json()) as Session;
}

async function refusalOf(response: Response): Promise<ProblemError> {
  return new ProblemError((await response.json()) as ProblemError['problem'], response);
}

/** A value with the kind of identifier that it is. */
export interface Value {
  readonly kind: string;
  readonly value: string;
}

/** The values of an identity, in the order of the API. */
export function valuesOf({
  emails,
  phoneNumbers,
  identifiers = {},
}: Omit<Identity, 'primaryContactId' | 'secondaryContactIds'>): Value[] {
  return [
    ...emails.map((value) => ({ kind: 'email', value })),
    ...phoneNumbers.map((value) => ({ kind: 'phoneNumber', value })),
    ...Object.entries(identifiers).flatMap(([kind, values]) => values.map((value) => ({ kind, value }))),
  ];
}

const KIND_NAMES: Readonly<Record<string, string>> = { email: 'email', phoneNumber: 'phone number' };

/** A kind of identifier in words. */
export function kindName(kind: string): string {
  return KIND_NAMES[kind] ?? kind;
}

export function valueText({ kind, value }: Value): string {
  return `${kindName(kind)} ${value}`;
}
