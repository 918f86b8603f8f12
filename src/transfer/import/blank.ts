/** Longer cells are not compared. */
const LENGTH_MAX = 40;

/** What programs and people write for "nothing", as {@link bare} writes it: general, English, German, French, Spanish, others. */
const WORDS = [
  'null|nil|none|nan|undefined|void|empty|blank|missing|false|no|na|n/a|n a|n\\a|#n/a|#na|\\n|tbd|tba',
  'unknown|not known|not provided|not given|not available|not applicable|not specified|not supplied|not set|not found|not entered|not disclosed|no value|no data|no info|no information|no answer|no contact|nothing',
  'no email|no e mail|no mail|no email address|no email provided|no email given|email not provided|no phone|no phone number|no number|no tel|no telephone|no mobile|no cell|no phone provided|no phone given|phone not provided',
  'kein wert|keine angabe|keine angaben|keine|keiner|kein|nein|k a|ka|nicht angegeben|nicht bekannt|nicht vorhanden|nicht verfugbar|unbekannt|entfallt|leer|fehlt|ohne angabe|ohne|nichts',
  'keine email|keine e mail|keine mail|keine mailadresse|keine e mail adresse|keine emailadresse|kein telefon|keine telefonnummer|keine nummer|kein handy|keine handynummer|keine rufnummer',
  'inconnu|inconnue|aucun|aucune|neant|vide|rien|non|non renseigne|non renseignee|non communique|non communiquee|non disponible|non connu|non connue|non applicable|non specifie|non fourni|non precise|sans objet|nc|n c|nr|n r',
  "pas d'email|pas d'e mail|pas d'adresse email|pas d'adresse mail|pas de mail|pas de courriel|pas de telephone|pas de tel|pas de portable|pas de numero|sans email|sans mail|sans telephone|aucun email|aucun mail|aucun telephone",
  'desconocido|desconocida|ninguno|ninguna|nada|nulo|vacio|no disponible|no aplica|no tiene|no consta|no indicado|no indica|no informado|no informa|no proporcionado|no especificado|no facilitado|no hay|sin datos|sin dato|sin informacion|s/d|s d',
  'sin email|sin e mail|sin mail|sin correo|sin correo electronico|sin telefono|sin tel|sin movil|sin celular|sin numero|no tiene email|no tiene correo|no tiene telefono',
  'sconosciuto|nessuno|nessuna|non disponibile|nd|n d|onbekend|geen|geen email|geen e mail|geen telefoon|niet bekend|niet opgegeven|nvt|n v t|nao informado|nao tem|sem email|sem e mail|sem telefone|nenhum|nenhuma|desconhecido|brak',
];
const BLANK: ReadonlySet<string> = new Set(WORDS.flatMap((words) => words.split('|')));

/** Signs that stand for nothing, alone or repeated */
const SIGNS = /^[-_.?/\\\u00B7\u2010-\u2015\u2026\u2212]+$/;

/**
 * Whether a cell of a file holds nothing: blanks, or a placeholder such as `N/A`, `null`, `-` or `keine Angabe`. What has a digit or an
 * `@` is never nothing. In a call, where a program can send null, such a value is a mistake.
 */
export function isBlank(cell: string): boolean {
  if (cell.length > LENGTH_MAX || /[\d@]/.test(cell)) {
    return false;
  }
  const text = cell.trim();
  return text === '' || SIGNS.test(text) || BLANK.has(bare(text));
}

/** In lower case, without accents, what is around the words, and hyphens, dots and underscores between them. */
function bare(text: string): string {
  return text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll('\u2019', "'")
    .replaceAll(/^[\s<([{"']+|[\s>)\]}"'.:!]+$/g, '')
    .replaceAll(/\s*\/\s*/g, '/')
    .replaceAll(/[\s._-]+/g, ' ')
    .trim();
}
