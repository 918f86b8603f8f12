import { IdentityDto } from '../../src/identity/api/dto/identity.response.js';
import type { Identifier, IdentityView, Sighting } from '../../src/identity/domain/contact.js';
import { STANDARD_KINDS } from '../../src/identity/domain/kinds.js';

/** What a caller sends to `POST /identify`. */
export interface IdentifyBody {
  readonly email: string | null;
  readonly phoneNumber: string | null;
  /** Of an import: when it took place, in µs since 1970. */
  readonly createdAt?: number;
}

/** An identity as callers are shown it. */
export type ShownIdentity = Pick<
  IdentityDto,
  'primaryContactId' | 'emails' | 'phoneNumbers' | 'secondaryContactIds' | 'identifiers'
>;

/** The answer to a change by hand, as far as tests look at it. */
export interface Changed {
  readonly changeId: number | null;
  readonly changed: boolean;
  readonly identities: readonly { readonly contact: ShownIdentity }[];
  readonly mergeIds: readonly number[];
  readonly rules: readonly { readonly identifiers: readonly Identifier[] }[];
  readonly assumed?: boolean;
}

/** What the core makes of a call. */
export function sightingOf({ email, phoneNumber, ...rest }: IdentifyBody): Sighting {
  return { identifiers: STANDARD_KINDS.identifiersOf({ email, phoneNumber }), ...rest };
}

/** What a caller is shown of a view. */
export function shown(view: IdentityView): ShownIdentity {
  return { ...new IdentityDto(view, STANDARD_KINDS) };
}
