import { isBlank } from '../../../src/transfer/import/blank.js';

const NOTHING = `
  N/A | n/a | NA | N / A | n.a. | #N/A | null | NULL | (null) | <null> | [NULL] | none | None. | nil | NaN | undefined | \\N | "N/A" | 'none'
  - | -- | --- | — | – | . | ... | ? | ?? | _ | / | … | missing | empty | (blank) | No | False | Not applicable | TBD | unknown | UNKNOWN
  not provided | Not-Provided | not_available | no email | No E-Mail | NO PHONE | no phone number
  keine | Keine Angabe | k.A. | k. A. | unbekannt | nicht verfügbar | Keine E-Mail | kein Telefon | entfällt
  inconnu | Aucun | Néant | Non renseigné | non communiquée | Pas d’email | pas d'e-mail | pas de téléphone | N.C.
  desconocido | Ninguno | no tiene | Sin correo electrónico | SIN TELÉFONO | No aplica | S/D | vacío | sin email`;

test.each(['', '  ', '\u00A0', ...NOTHING.split(/[|\n]/)])('%j is nothing', (cell) => {
  expect(isBlank(cell)).toBe(true);
});

const SOMETHING =
  '0|-1|a|x|none@none.com|n/a@n.a|nobody|no one|nothing to see|Nadia|Nora|C-|***|####|#REF!|call me|unknown caller';

test.each([...SOMETHING.split('|'), 'n/a '.repeat(11), '-'.repeat(41)])('%j is not', (cell) => {
  expect(isBlank(cell)).toBe(false);
});
