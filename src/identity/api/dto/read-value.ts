import type { IdentifierKind, Normaliser } from '../../domain/kinds.js';
import { normalise, normaliseEmail, normalisePhone, type NormalForms } from '../../domain/normalise.js';
import { IdentifyRequest, WELL_FORMED } from './identify.request.js';
import { mistakesOf } from './read-body.js';

/** A value in its normal form, null: nothing was given; or what is wrong with it, in words that begin with its kind. */
export type ReadValue = { readonly value: string | null } | { readonly mistake: string };

/** Reads a value of a kind: gives it its normal form, and then judges that. */
export function readValue(kind: IdentifierKind, given: unknown, forms: NormalForms): ReadValue {
  const normal = NORMAL[kind.normaliser](given, forms, kind);
  if (normal === null) {
    return { value: null };
  }
  const wrong = WRONG[kind.normaliser](normal) ?? tooLong(normal as string, kind.maxLength);
  return wrong === null ? { value: normal as string } : { mistake: `${kind.name} ${wrong}` };
}

/** The normal form, or what else was given; null: nothing. */
const NORMAL: Readonly<
  Record<Normaliser, (given: unknown, forms: NormalForms, kind: IdentifierKind) => unknown>
> = {
  email: readEmail,
  phone: readPhone,
  trim: readText,
  lowercase: readText,
};

/** What is wrong with what should be a normal form, but for its length; null: nothing. */
const WRONG: Readonly<Record<Normaliser, (normal: unknown) => string | null>> = {
  email: (normal) => wrongBy(new IdentifyRequest(normal, null)),
  phone: (normal) => wrongBy(new IdentifyRequest(null, normal)),
  trim: wrongText,
  lowercase: wrongText,
};

/** An email in its normal form, or what else was given; null: nothing. */
export function readEmail(value: unknown, { emailRules }: NormalForms): unknown {
  return typeof value === 'string' ? normaliseEmail(value, emailRules) : (value ?? null);
}

/** A phone number in its normal form, or what else was given; null: nothing. */
export function readPhone(value: unknown, { defaultPhoneRegion }: NormalForms): unknown {
  const text = isWholeNumber(value) ? String(value) : value;
  return typeof text === 'string' ? normalisePhone(text, defaultPhoneRegion) : (text ?? null);
}

/** Numbers above 2^53 lose digits when they are parsed, but they have more digits than a phone number anyway. */
function isWholeNumber(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0;
}

function readText(given: unknown, forms: NormalForms, kind: IdentifierKind): unknown {
  // An integer that lost digits when it was parsed would be another customer's number.
  const text = Number.isSafeInteger(given) && (given as number) >= 0 ? String(given) : given;
  return typeof text === 'string' ? normalise(kind, text, forms) : (text ?? null);
}

function wrongBy(request: IdentifyRequest): string | null {
  const [mistake] = mistakesOf(request);
  return mistake === undefined ? null : mistake.message.slice(mistake.field.length + 1);
}

function wrongText(normal: unknown): string | null {
  if (Number.isInteger(normal)) {
    return 'must be a string, since it is no integer from 0 to 9007199254740991';
  }
  if (typeof normal !== 'string') {
    return 'must be a string or an integer';
  }
  return WELL_FORMED.test(normal) ? null : 'must have no control characters and no invisible ones';
}

function tooLong(value: string, maxLength: number): string | null {
  const { length } = value;
  const isShort = length <= maxLength || (length <= 2 * maxLength && [...value].length <= maxLength);
  return isShort ? null : `must have at most ${maxLength} characters`;
}
