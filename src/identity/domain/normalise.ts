import { domainToASCII, domainToUnicode } from 'node:url';
import {
  AsYouType,
  getCountryCallingCode,
  parsePhoneNumberFromString,
  type CountryCode,
} from 'libphonenumber-js/max';
import { hasTrunkPrefix, isSettled } from './calling-codes.js';
import type { IdentifierKind, Normaliser } from './kinds.js';

/** Whose rules decide which spellings of an address are one mailbox; see {@link normaliseEmail}. */
export type EmailRules = 'none' | 'gmail';

/** What normal forms depend on, beside the text itself: the settings of the same names. */
export interface NormalForms {
  /** Country whose national phone numbers are understood; null: they keep their digits. */
  readonly defaultPhoneRegion: CountryCode | null;
  readonly emailRules: EmailRules;
}

/** Characters that an email may have; RFC 5321 allows a path of 256, which has two angle brackets. */
export const EMAIL_MAX_LENGTH = 254;

/**
 * The most characters of a trimmed value that are normalised. The time of NFC grows with the square of the combining marks in
 * a row. No character is composed of more than four, so a longer text can't become an email.
 */
export const RAW_MAX_LENGTH = 4 * EMAIL_MAX_LENGTH;

/** So many digits before a dot are a whole number: what follows is a fraction, not a group of digits. */
const WHOLE_NUMBER_DIGITS = 7;

/** Separators in a phone number: any space, hyphen or dash, dot, parentheses, slash, invisible marks. */
const SEPARATORS = /[\p{Zs}\t\p{Pd}\p{Cf}.()/]/gu;

/** Digits with the usual separators between them; not the dot, because it may begin a fraction. */
const PLAIN_PHONE = /^\+?\d[\d ()/-]*$/;

/** `+` and the 15 digits that E.164 allows; some national numbers that count as valid would become longer. */
const E164_MAX_LENGTH = 16;

/** Characters that never belong into an identifier: nobody sees them, so they would make two of one. */
export const UNSEEN = /[\p{Cc}\p{Cs}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\uFFFD]/u;
/** A local part in quotes that it does not need: RFC 5321 calls it the same mailbox. */
const NEEDLESS_QUOTES = /^"([\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+)*)"$/u;
/** A domain that is its own normal form, in lower case. */
const PLAIN_DOMAIN = /^(?!.*xn--)[\x21-\x7e]*$/;
/** An email in which only the case can change. Most are like that. */
const ASCII_EMAIL = /^[a-z0-9._+-]+@(?!.*xn--)[a-z0-9.-]+$/i;
/** A local part that is valid without quotes. Another one stays as it is: without its dots or its tag it might look valid. */
const GMAIL_LOCAL =
  /^(?!.*[^\0-\uffff])[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+)*$/u;
/** Bytes that a local part may have. */
const LOCAL_MAX_BYTES = 64;
/** The domains whose addresses Gmail delivers to one mailbox, in its normal form first. */
const GMAIL_DOMAINS = ['gmail.com', 'googlemail.com'] as const;
/** The dots between labels; UTS #46 knows four. */
const LABEL_DOTS = /[.\u3002\uFF0E\uFF61]/;

/**
 * Gives a text of a kind its normal form; null if nothing is left.
 *
 * Idempotent, and total: it never refuses. The caller checks whether the result is valid.
 *
 * @example normalise(EMAIL, ' McFly@HillValley.EDU ', forms) // 'mcfly@hillvalley.edu'
 */
export function normalise(
  { normaliser, maxLength }: Pick<IdentifierKind, 'normaliser' | 'maxLength'>,
  raw: string,
  forms: NormalForms,
): string | null {
  return BY_NORMALISER[normaliser](raw, forms, maxLength);
}

const BY_NORMALISER: Readonly<
  Record<Normaliser, (raw: string, forms: NormalForms, maxLength: number) => string | null>
> = {
  email: (raw, { emailRules }) => normaliseEmail(raw, emailRules),
  phone: (raw, { defaultPhoneRegion }) => normalisePhone(raw, defaultPhoneRegion),
  trim: (raw, _, maxLength) => normaliseText(raw, maxLength),
  lowercase: (raw, _, maxLength) => normaliseLowercase(raw, maxLength),
};

/**
 * Gives an email its normal form: trimmed, Unicode NFC, lower case, its domain by UTS #46 as Unicode, without needless quotes; null if
 * nothing is left.
 *
 * By the rules `gmail`, an address at gmail.com or googlemail.com has no dots and no `+…` in its local part, and the domain
 * gmail.com: Gmail delivers all these spellings to one mailbox. Other addresses stay as they are.
 *
 * Idempotent, and total: it never refuses. The caller checks whether the result is a valid address. A text that is too long
 * for an address is only trimmed.
 *
 * @example normaliseEmail(' McFly@HillValley.EDU ') // 'mcfly@hillvalley.edu'
 * @example normaliseEmail('doc@xn--mnchen-3ya.de') // 'doc@münchen.de'
 * @example normaliseEmail('doc.brown+news@googlemail.com', 'gmail') // 'docbrown@gmail.com'
 */
export function normaliseEmail(raw: string, rules: EmailRules = 'none'): string | null {
  const email = addressOf(raw);
  return rules === 'gmail' && email !== null ? mailboxOf(email) : email;
}

function addressOf(raw: string): string | null {
  const trimmed = raw.trim();
  if (trimmed === '' || trimmed.length > RAW_MAX_LENGTH) {
    return trimmed || null;
  }
  if (ASCII_EMAIL.test(trimmed)) {
    return trimmed.toLowerCase();
  }
  const composed = trimmed.normalize('NFC');
  // Lower case can decompose a character (İ becomes i and a dot above), so NFC is applied again.
  const lower = composed.toLowerCase().normalize('NFC');
  const at = lower.lastIndexOf('@');
  const isPlainDomain = PLAIN_DOMAIN.test(lower.slice(at + 1));
  if (at < 1 || (isPlainDomain && !lower.startsWith('"'))) {
    return lower;
  }
  const local = lower.slice(0, at).replace(NEEDLESS_QUOTES, '$1');
  const domain = composed.slice(composed.lastIndexOf('@') + 1);
  return `${local}@${isPlainDomain ? domain.toLowerCase() : normaliseDomain(domain)}`;
}

/** The mailbox of an address by the rules of Gmail. */
function mailboxOf(email: string): string {
  const at = email.lastIndexOf('@');
  if (at < 1 || !isGmailDomain(email.slice(at + 1))) {
    return email;
  }
  const local = email.slice(0, at);
  const isWellFormed =
    GMAIL_LOCAL.test(local) && !UNSEEN.test(local) && Buffer.byteLength(local) <= LOCAL_MAX_BYTES;
  // `+news@gmail.com` has no name but its tag.
  const mailbox = isWellFormed ? withoutDotsAndTag(local) || local : local;
  return `${mailbox}@${GMAIL_DOMAINS[0]}`;
}

function isGmailDomain(domain: string): boolean {
  return GMAIL_DOMAINS.some((each) => each === domain);
}

function withoutDotsAndTag(local: string): string {
  return local.split('+', 1)[0]!.replaceAll('.', '');
}

/**
 * How normalised emails may begin that were typed like this: as they are, and as Gmail's rules have them.
 *
 * @example emailPrefixes('Doc.B', 'gmail') // ['doc.b', 'docb']
 */
export function emailPrefixes(raw: string, rules: EmailRules): string[] {
  const prefix = normaliseEmail(raw) ?? '';
  const at = prefix.lastIndexOf('@');
  const local = at === -1 ? prefix : prefix.slice(0, at);
  if (rules === 'none' || local.startsWith('"')) {
    return [prefix];
  }
  const mailbox = withoutDotsAndTag(local);
  const domain = at === -1 ? '' : prefix.slice(at + 1);
  const isComplete = at !== -1 || local.includes('+');
  if (!isComplete) {
    return [prefix, mailbox];
  }
  const [first, ...others] = GMAIL_DOMAINS;
  if (first.startsWith(domain)) {
    return [prefix, `${mailbox}@${domain}`];
  }
  return others.some((each) => each.startsWith(domain)) ? [prefix, `${mailbox}@${first}`] : [prefix];
}

/**
 * A glob of emails in lower case, as the addresses are stored that it speaks of: a mailbox of Gmail matches if one of its spellings
 * does. Null: every mailbox has one, as for `*+news@gmail.com`.
 *
 * @example emailGlob('doc.*@googlemail.com', 'gmail') // 'doc*@gmail.com'
 */
export function emailGlob(glob: string, rules: EmailRules): string | null {
  const at = glob.lastIndexOf('@');
  const local = glob.slice(0, at);
  if (rules === 'none' || at < 1 || !isGmailDomain(glob.slice(at + 1)) || UNSEEN.test(local)) {
    return glob;
  }
  const mailbox = withoutDotsAndTag(local) || local;
  const isAnybody = /^\*+$/;
  return isAnybody.test(mailbox) && !isAnybody.test(local) ? null : `${mailbox}@${GMAIL_DOMAINS[0]}`;
}

/**
 * A domain with characters beyond ASCII, by UTS #46 without the transitional mappings, as browsers read it. What is no domain stays
 * as it is, in lower case, for the caller to refuse.
 *
 * Node's own functions, because they are those of its URL: kept with the Unicode version that the process has.
 */
function normaliseDomain(domain: string): string {
  // Label by label: the small form of Σ depends on what follows in the same word.
  const lower = domain
    .split(LABEL_DOTS)
    .map((label) => label.toLowerCase())
    .join('.')
    .normalize('NFC');
  const ascii = UNSEEN.test(lower) ? '' : domainToASCII(lower);
  const unicode = (ascii && domainToUnicode(ascii)) || lower;
  // Where it takes one character apart, such as Ǆ, Node does not compose the parts with the marks that follow.
  const composed = unicode.normalize('NFC');
  return composed === unicode ? unicode : domainToUnicode(domainToASCII(composed)) || composed;
}

/**
 * Gives a text its normal form: trimmed, Unicode NFC; null if nothing is left. Upper and lower case stay apart.
 *
 * Idempotent, and total: it never refuses. A text that is too long is only trimmed.
 *
 * @param maxLength characters that the normal form may have
 * @example normaliseText(' C-1 ', 254) // 'C-1'
 */
export function normaliseText(raw: string, maxLength: number): string | null {
  const trimmed = raw.trim();
  return trimmed === '' || trimmed.length > 4 * maxLength ? trimmed || null : trimmed.normalize('NFC');
}

/**
 * As {@link normaliseText}, in lower case.
 *
 * @example normaliseLowercase(' Gold-7 ', 254) // 'gold-7'
 */
export function normaliseLowercase(raw: string, maxLength: number): string | null {
  const text = normaliseText(raw, maxLength);
  // Lower case can decompose a character.
  return text === null || text.length > 4 * maxLength ? text : text.toLowerCase().normalize('NFC');
}

/**
 * Gives a phone number its normal form; null if it is blank.
 *
 * An international number (`+…`, or `00…` if a possible number follows) becomes E.164: `+` and digits. A national number
 * becomes E.164 if it is valid in the region, and otherwise keeps its digits. Separators are dropped.
 *
 * Idempotent, and total: it never refuses. Letters and excess digits stay in the result, so that the caller can refuse it. A
 * text that is too long for a number is only trimmed.
 *
 * @param region ISO 3166-1 alpha-2 code of the country whose national numbers are understood; null: none
 * @example normalisePhone('+1 (555) 010-9999', null) // '+15550109999'
 * @example normalisePhone('030 123456', 'DE') // '+4930123456'
 * @example normalisePhone('123456', null) // '123456'
 */
export function normalisePhone(raw: string, region: CountryCode | null): string | null {
  const trimmed = raw.trim();
  if (trimmed === '' || trimmed.length > RAW_MAX_LENGTH) {
    return trimmed || null;
  }
  const compact = PLAIN_PHONE.test(trimmed) ? trimmed.replaceAll(/[ ()/-]/g, '') : unwrapped(trimmed);
  if (/^\+\d{1,20}$/.test(compact)) {
    return international(compact) ?? compact;
  }
  if (!/^\d{1,20}$/.test(compact)) {
    return compact;
  }
  const abroad = compact.startsWith('00') ? international(`+${compact.slice(2)}`) : null;
  if (abroad === `+${compact.slice(2)}`) {
    return abroad;
  }
  // If the number is possible only after the library removed digits, 00 may be part of another prefix, like 0011 in Australia.
  return (region === null ? null : national(compact, region)) ?? abroad ?? compact;
}

/**
 * A number without separators, and without what other programs write around it; the text itself if it would become another number,
 * has nothing but separators, or is wrapped more than once. Such a text is not blank: it stays, so that the caller refuses it.
 */
function unwrapped(trimmed: string): string {
  const number = withoutFraction(withoutWrapping(trimmed));
  const compact = number === null || /^\p{Pd}/u.test(number) ? '' : withoutSeparators(number);
  return compact === '' || WRAPPED.test(compact) ? trimmed : compact;
}

const WRAPPED = /^(?:'|="|tel:|whatsapp:)|@s\.whatsapp\.net$/i;

/** What other programs write around a number, and other digits than 0 to 9. */
function withoutWrapping(trimmed: string): string {
  const [, inside] = /^(?:="(.*)"|'(.*))$/.exec(trimmed)?.filter((part) => part !== undefined) ?? [];
  const text = inside ?? trimmed;
  const [, jid] = /^(\+?\d+)@s\.whatsapp\.net$/i.exec(text) ?? [];
  if (jid !== undefined) {
    return jid.startsWith('+') ? jid : `+${jid}`;
  }
  const [, scheme, path = text] = /^(tel|whatsapp):(.*)$/i.exec(text) ?? [];
  const [digits = '', ...parameters] = scheme === undefined ? [path] : path.split(';');
  const context = parameters.find((each) => /^phone-context=\+/i.test(each))?.slice('phone-context='.length);
  // Other parameters may be an extension: they stay, so that the caller refuses the number.
  const others = parameters.filter((each) => !/^(phone-context|isub|rn|npdi|cic)\b/i.test(each));
  return inAsciiDigits([`${context ?? ''}${digits}`, ...others].join(';'));
}

/** Digits of any script as 0 to 9, and a full-width plus as +. */
function inAsciiDigits(text: string): string {
  return text.replace(/[^\P{Nd}0-9]/gu, digitOf).replaceAll('\uFF0B', '+');
}

/** Digits lie side by side, in order, and in some scripts several times. */
function digitOf(digit: string): string {
  const point = digit.codePointAt(0)!;
  let first = point;
  while (/\p{Nd}/u.test(String.fromCodePoint(first - 1))) {
    first--;
  }
  return String((point - first) % 10);
}

/**
 * A number that a spreadsheet wrote as a fraction, without it if it is zero; null if it is not, because then the number is another
 * one. A dot may also separate: `555.0199`.
 */
function withoutFraction(number: string): string | null {
  const [, whole = '', fraction = ''] = /^(\+?\d+)\.(\d+)$/.exec(number) ?? [];
  if (whole === '') {
    return number;
  }
  if (/^0+$/.test(fraction)) {
    return whole;
  }
  return whole.length >= WHOLE_NUMBER_DIGITS || fraction.length === 1 ? null : number;
}

/**
 * How normalised phone numbers may begin that were typed like this: with the digits as they are, and in E.164. Empty if it is
 * not the beginning of a phone number.
 *
 * @param region as for {@link normalisePhone}
 * @example phonePrefixes('0170 12', 'DE') // ['017012', '+4917012']
 */
export function phonePrefixes(raw: string, region: CountryCode | null): string[] {
  const compact = withoutSeparators(raw);
  if (!/^\+?\d{1,15}$/.test(compact)) {
    return [];
  }
  const spellings = compact.startsWith('00') ? [compact, `+${compact.slice(2)}`] : [compact];
  // `+49 (0)170` is `+49170`, but in Italy the zero stays: the library knows.
  const inE164 = spellings.map((spelling) => {
    const formatter = new AsYouType(region ?? undefined);
    formatter.input(spelling);
    return formatter.getNumberValue() ?? '';
  });
  return [compact, ...inE164.filter((number) => /^\+[1-9]/.test(number))];
}

/** What is left of a phone number without its separators. */
export function withoutSeparators(raw: string): string {
  return raw.replace(SEPARATORS, '').trim();
}

/**
 * Whether the domain of a normalised email is one by UTS #46, and neither it nor the local part begins with a mark that combines
 * with what comes before.
 */
export function hasReadableDomain(email: string): boolean {
  const domain = email.slice(email.lastIndexOf('@') + 1);
  const isDomain = PLAIN_DOMAIN.test(domain) || domainToASCII(domain) !== '';
  return isDomain && !/(?:^|[@.])\p{M}/u.test(email);
}

/** E.164 of a possible international number; a trunk zero as in `+49 (0)30 …` is not part of it. */
function international(digits: string): string | null {
  if (digits.length <= E164_MAX_LENGTH && isSettled(digits)) {
    return digits;
  }
  const parsed = parsePhoneNumberFromString(digits, { extract: false });
  if (parsed?.isPossible() !== true) {
    return null;
  }
  // An unchanged number needs no second pass. Most numbers are stored and sent in this form.
  return parsed.number === digits && digits.length <= E164_MAX_LENGTH ? digits : settled(parsed.number);
}

function national(digits: string, defaultCountry: CountryCode): string | null {
  const code = getCountryCallingCode(defaultCountry);
  if (digits.startsWith(code) && hasTrunkPrefix(defaultCountry)) {
    // Without the trunk prefix it is no national number, but an international one without its plus.
    const abroad = parsePhoneNumberFromString(`+${digits}`, { extract: false });
    if (abroad?.isValid() === true) {
      return settled(abroad.number);
    }
  }
  const parsed = parsePhoneNumberFromString(digits, { defaultCountry, extract: false });
  return parsed?.isValid() === true ? settled(parsed.number) : null;
}

/** Rejects a form that a second pass would change: two forms of one number would be two identifiers. */
function settled(number: string): string | null {
  const again = parsePhoneNumberFromString(number, { extract: false });
  return number.length <= E164_MAX_LENGTH && again?.number === number && again.isPossible() ? number : null;
}
