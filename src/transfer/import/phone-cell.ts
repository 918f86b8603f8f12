import type { CellValue } from './cells.js';

/** A spreadsheet writes a long number like this. */
const FLOAT = /^([+-]?)(\d)(?:[.,](\d+))?E\+?(\d{1,3})$/i;
const DATE =
  /^(?:(?<year>\d{4})([-/.])(?<month>\d{1,2})\2(?<day>\d{1,2})|(?<one>\d{1,2})([-/.])(?<two>\d{1,2})\6(?:\d{4}|\d\d))(?:[T\s]+\d.*)?$/;
const IP = /^(?:\d{1,3}\.){3}\d{1,3}$/;
/** A word for whose number it is, in front of it: p:, Tel.:, Mobile: */
const LABEL = /^(?!(?:tel|whatsapp):|e?xt?\b)\p{L}[\p{L}. ]{0,30}:\s*(?=[+(\d])/iu;
/** A word in brackets behind it */
const REMARK = /\s*(?:\([^()\d]*\)|\[[^[\]\d]*\])$/;
/** What stands between two numbers */
const BETWEEN = /\s*(?:,|&|\/|\s(?:or|and|oder|und|ou|et|y|o|e)\s|\s)\s*/i;

/** Fewer digits are no number of their own, but a part of one. */
const WHOLE_DIGITS = 7;
/** An area code with that of its country has fewer. */
const WHOLE_DIGITS_ABROAD = 10;

/** Several numbers that are whole by their country codes. */
export function severalPhones(text: string): string[] {
  const parts = text.split(/\s*[/,&]\s*|\s+(?=\+)/);
  return parts.length > 1 && parts.every((part) => /^\s*(?:\+|00)[\d\s().-]{8,}$/.test(part))
    ? parts
    : [text];
}

/** The phone number of a text, without what programs and people write around it; or why it would become another number. */
export function phoneIn(text: string): CellValue {
  const [, , inQuotes = text] = /^\s*(["'])([^"']*)\1\s*$/.exec(text) ?? [];
  // some programs write a number as a formula
  const number = withoutWords(inQuotes.trim().replace(/^=(?=\+?\d)/, ''));
  const [, sign, first = '', decimals = '', exponent] = FLOAT.exec(number) ?? [];
  if (sign !== undefined) {
    return sign === '' && decimals.length === Number(exponent)
      ? { value: first + decimals }
      : { wrong: `a spreadsheet made it ${number}; digits are lost` };
  }
  // a URI may have a country code behind the number
  const wrong = /^(?:tel|whatsapp):/i.test(number) ? null : whyAnother(number);
  return wrong === null ? { value: number } : { wrong };
}

function withoutWords(text: string): string {
  const labelled = text.replace(LABEL, '');
  const number = digitsOf(labelled) < WHOLE_DIGITS ? text : labelled;
  return digitsOf(number) < WHOLE_DIGITS ? number : number.replace(REMARK, '');
}

/** Whether a text looks like a phone number with a plus or separators; digits alone may be anything. */
export function isPhoneLike(text: string): boolean {
  const isWritten =
    /^(?:\+|00)\s?\d[\d\s()./-]{6,20}$/.test(text) || /^\(?0?\d{2,5}[)\s/.-]+\d[\d\s./-]{4,15}$/.test(text);
  // neither a decimal fraction nor an American ZIP code
  return isWritten && !/^\d+\.\d+$|^\d{5}-\d{4}$/.test(text) && whyAnother(text) === null;
}

/** Why the digits of a text together are not one phone number; null: they may be. */
function whyAnother(text: string): string | null {
  if (isDate(text)) {
    return 'it looks like a date';
  }
  if (IP.test(text) && text.split('.').every((part) => Number(part) < 256)) {
    return 'it looks like an IP address';
  }
  if (/\d.*[([]\s*\d[\d\s]*[)\]]$/.test(text) && digitsOf(text.replace(/[([][^([]*$/, '')) >= WHOLE_DIGITS) {
    return 'the number in brackets behind it may not be a part of it';
  }
  return holdsTwo(text) ? 'the cell holds two numbers: separate them by ; or a line break' : null;
}

function isDate(text: string): boolean {
  const { year, month, day, one, two } = DATE.exec(text)?.groups ?? {};
  return year === undefined
    ? (isDay(one) && isMonth(two)) || (isMonth(one) && isDay(two))
    : isBetween(year, 1900, 2100) && isMonth(month) && isDay(day);
}

const isDay = (given: string | undefined): boolean => isBetween(given, 1, 31);
const isMonth = (given: string | undefined): boolean => isBetween(given, 1, 12);

function isBetween(given: string | undefined, least: number, most: number): boolean {
  return Number(given) >= least && Number(given) <= most;
}

function holdsTwo(text: string): boolean {
  if (/\d[^+]*\+/.test(text)) {
    return true;
  }
  const parts = text.split(BETWEEN).filter((part) => digitsOf(part) > 0);
  if (parts.filter((part) => digitsOf(part) >= WHOLE_DIGITS).length > 1) {
    return true;
  }
  // 030 1234131/32 has two, 030/1234131 one
  const [, head = '', tail = ''] = /^(.*\d)\s*[/,&]\s*(\d+)$/.exec(text) ?? [];
  const isAbroad = /^(?:\+|00)/.test(head);
  const isWhole =
    digitsOf(head) >= (isAbroad ? WHOLE_DIGITS_ABROAD : WHOLE_DIGITS) ||
    (isAbroad && tail.length < 4 && digitsOf(head) > WHOLE_DIGITS);
  return tail !== '' && isWhole;
}

function digitsOf(text: string): number {
  return text.replaceAll(/\P{Nd}/gu, '').length;
}
