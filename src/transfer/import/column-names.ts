/** What the name of a column tells that it holds. */
export type Telling = 'email' | 'phone';

/** Characters of a header that are compared. */
const HEADER_MAX = 200;

/** A header for comparison: lower case, without accents, brackets and what is in them, and all but letters and digits. */
export function bare(header: string): string {
  return wordsOf(header).join('');
}

/** The words of a header as {@link bare} writes them; `createdAt` and `created_at` have two. */
function wordsOf(header: string): string[] {
  return header
    .slice(0, HEADER_MAX)
    .replaceAll(/\([^()]*\)|\[[^[\]]*\]/g, ' ')
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll('WhatsApp', 'Whatsapp')
    .replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

/** Whether a name looks like the data of a customer. */
export function looksLikeData(name: string): boolean {
  return /@|\d{5}/.test(name);
}

/** Names of the columns that hold a person's first email and number, the best first; further ones follow in the order of the file. */
export const FIRST: Readonly<Record<Telling, readonly string[]>> = {
  // prettier-ignore
  email: ['email', 'emailaddress', 'mail', 'primaryemail', 'customeremail', 'contactemail', 'useremail', 'email1value', 'email1address', 'email1', 'billingemail', 'personalemail', 'workemail', 'businessemail', 'emailid', 'emailadresse', 'mailadresse', 'emailadres', 'adresseemail', 'adressemail', 'courriel', 'correoelectronico', 'correo'],
  // prettier-ignore
  phone: ['phone', 'phonenumber', 'phoneno', 'mobile', 'mobilephone', 'mobilenumber', 'cell', 'cellphone', 'tel', 'telephone', 'telephonenumber', 'mobilephonenumber', 'primaryphone', 'primaryphonenumber', 'customerphone', 'contactphone', 'phone1value', 'phone1', 'mobile1', 'cellphonenumber', 'cellnumber', 'mobil', 'handy', 'portable', 'movil', 'celular', 'sms', 'whatsapp', 'whatsappnumber', 'billingphone', 'defaultaddressphone', 'homephone', 'workphone', 'businessphone'],
};

/** Names of a date of creation in exports of products and in other languages, the best first. */
// prettier-ignore
const CREATED: readonly string[] = ['createdat', 'created', 'createdon', 'createddate', 'creationdate', 'datecreated', 'createdtime', 'createdatetime', 'createdate', 'createtime', 'creationtime', 'userregistered', 'registeredat', 'registered', 'registrationdate', 'registration', 'dateregistered', 'dateregistration', 'registeredon', 'registereddate', 'signup', 'signupdate', 'signupat', 'signuptime', 'signedupat', 'signedup', 'signedupdate', 'datejoined', 'joinedat', 'joindate', 'joined', 'joinedon', 'joineddate', 'dateadded', 'addedat', 'addedon', 'addedtime', 'addeddate', 'added', 'addtime', 'adddate', 'entrydate', 'dateentered', 'since', 'firstseen', 'firstseenat', 'firstactive', 'firstvisit', 'firstvisitdate', 'firstorderdate', 'firstpurchasedate', 'firstpurchase', 'subscribedat', 'subscribed', 'subscribedon', 'subscribedate', 'subscriptiondate', 'datesubscribed', 'optintime', 'optindate', 'confirmtime', 'erstelltam', 'erstelldatum', 'erstellungsdatum', 'erfasstam', 'erfassungsdatum', 'angelegtam', 'anlagedatum', 'registriertam', 'registrierungsdatum', 'anmeldedatum', 'angemeldetam', 'kundeseit', 'mitgliedseit', 'hinzugefugtam', 'datum', 'datedecreation', 'datecreation', 'creele', 'creeele', 'inscription', 'dateinscription', 'datedinscription', 'inscritle', 'ajoutele', 'datedajout', 'clientdepuis', 'fechadealta', 'fechaalta', 'fechadecreacion', 'fechacreacion', 'fechaderegistro', 'fecharegistro', 'fechadeinscripcion', 'fechainscripcion', 'creadoel', 'fechadecreado', 'clientedesde', 'fecha', 'datadicreazione', 'datacreazione', 'creatoil', 'datadiregistrazione', 'dataregistrazione', 'datadiiscrizione', 'dataiscrizione', 'datadecriacao', 'datacriacao', 'criadoem', 'datadecadastro', 'datacadastro', 'dataderegisto', 'dataderegistro', 'aangemaaktop', 'aanmaakdatum', 'registratiedatum', 'skapad', 'opprettet', 'oprettet', 'luotu', 'datautworzenia', 'utworzono', 'vytvoreno', 'date', 'timestamp', 'orderdate', 'dateordered', 'orderedat', 'purchasedate', 'purchasedat', 'bestelldatum', 'datedecommande', 'fechadepedido', 'eventtime', 'eventtimestamp', 'originaltimestamp', 'occurredat', 'timestampunixtimems', 'sentat', 'receivedat'];

/** Whose creation a date tells; what comes before it does not change that. */
const SUBJECTS =
  /^(?:person|people|contact|customer|client|user|lead|profile|member|subscriber|account|kunde|cliente)(?=.)/;
/** In front of a name of a date, so that it is the date of something else */
const OTHER_DATES = /^(?:account)(?:createdin|since)/;

/** How good a name is for the date of creation: 0 is best; null: it is none. */
export function rankOfCreated(header: string): number | null {
  for (let name = bare(header); ; name = name.replace(SUBJECTS, '')) {
    const rank = OTHER_DATES.test(name) ? -1 : CREATED.indexOf(name);
    if (rank !== -1) {
      return rank;
    }
    if (!SUBJECTS.test(name)) {
      return null;
    }
  }
}

/** Whether a name tells of when somebody came; such a column is named if it is not read. */
export function tellsOfCreation(header: string): boolean {
  return /creat|regist|signup|signedup|joined|optin|dateadded/.test(bare(header));
}

const EMAIL =
  /email|correo(?!postal)|courriel|epost|postaelettronica|elektronischepost|почт|ταχυδρομειο|メール|邮箱|邮件|電子郵件|이메일|^mails?$|mail\d*$|^mail(?:address|adresse?|adres|id)\d*$|(?:adresse?|adres)mail/;
const PHONE =
  /phone|telef|teleph|^tel(?:no|nr|num|number|nummer|s)?\d*$|(?<!auto)mobil|whatsapp|msisdn|rufnummer|handy|cellul|celular|komorka|telemovel|telemovil|puhelin|gsm|landline|festnetz|^fixe$|τηλεφων|телефон|電話|电话|手机|携帯|전화|^contact(?:number|no)\d*$|^fone\d*$|^sms\d*$|^smsnumber$/;
/** Whole words that tell of a number, and are part of others */
const PHONE_WORDS = new Set(['cell', 'tel', 'mob', 'movil', 'portable', 'fono', 'fone', 'fon', 'ph', 'sms']);

/** Words for something about an email or a number, which is none. */
// prettier-ignore
const ABOUT = new Set(['type', 'types', 'label', 'labels', 'typ', 'status', 'state', 'consent', 'consents', 'accepts', 'accept', 'accepted', 'allow', 'allowed', 'allows', 'marketing', 'verified', 'verification', 'valid', 'validation', 'confirmed', 'confirmation', 'optin', 'optout', 'opt', 'opted', 'unsubscribed', 'subscribed', 'subscription', 'subscriptions', 'subscribe', 'unsubscribe', 'count', 'date', 'time', 'timestamp', 'domain', 'display', 'hash', 'hashed', 'md5', 'sha1', 'sha256', 'template', 'frequency', 'bounce', 'bounced', 'bounces', 'opens', 'opened', 'open', 'clicks', 'clicked', 'click', 'sent', 'delivered', 'replied', 'last', 'campaign', 'list', 'lists', 'format', 'permission', 'permissions', 'preference', 'preferences', 'suppressed', 'suppression', 'suppressions', 'rating', 'quality', 'source', 'reason', 'carrier', 'provider', 'newsletter', 'notification', 'notifications', 'score', 'is', 'has', 'dnc', 'do', 'not', 'dont', 'app', 'device', 'model', 'signature', 'total', 'sends', 'received', 'eligible', 'eligibility', 'ext', 'extension', 'prefix', 'countrycode', 'areacode', 'report', 'export', 'promotions', 'promo', 'updates', 'language', 'lang', 'name', 'vendor', 'step', 'steps', 'address1', 'address2', 'street', 'city', 'zip', 'postal', 'einwilligung', 'werbung', 'limit', 'error', 'errors', 'country', 'code', 'area', 'method', 'marked', 'spam', 'receive', 'receives', 'review', 'reviews', 'shared', 'unsubscribes', 'messages']);
/** The same as parts of names that are written in one word */
const ABOUT_PARTS =
  /optin|optout|consent|subscri(?:bed|ption)|verified|confirmed|bounce|marketing|emailtype|emailstatus|emaillabel|phonetype|phonelabel|mailingstreet|mailingcity|mailingstate|mailingcountry|mailingpostal|mailingzip|mailingaddress|mailinglist/;
/** Words for somebody else, whose email or number many people would share; and for fax machines. */
// prettier-ignore
const OTHERS = new Set(['owner', 'manager', 'managers', 'assistant', 'assistants', 'asst', 'assistent', 'assistentin', 'supervisor', 'boss', 'reports', 'cc', 'bcc', 'agent', 'agents', 'rep', 'salesrep', 'salesperson', 'seller', 'vendor', 'supplier', 'assignee', 'assigned', 'submitter', 'admin', 'operator', 'referrer', 'referred', 'referral', 'referee', 'emergency', 'spouse', 'partner', 'parent', 'parents', 'guardian', 'mother', 'father', 'sender', 'author', 'creator', 'createdby', 'modifiedby', 'updatedby', 'modified', 'updated', 'by', 'support', 'store', 'shop', 'location', 'reply', 'replyto', 'fax', 'telefax', 'faxnumber', 'telex', 'pager', 'betreuer', 'ansprechpartner', 'vorgesetzter', 'conseiller', 'responsable', 'emergencycontact']);
/** Names of other people and of companies, in a path */
// prettier-ignore
const OTHER_PEOPLE = new Set(['contacts', 'users', 'members', 'customers', 'people', 'persons', 'employees', 'leads', 'children', 'participants', 'attendees', 'guests', 'recipients', 'friends', 'followers', 'team', 'staff', 'admins', 'collaborators', 'candidates', 'company', 'companies', 'organization', 'organizations', 'organisation', 'organisations', 'employer', 'account', 'accounts', 'workspace', 'products', 'items']);
const OTHERS_PARTS =
  /fax(?:number|nummer|nr|no)?\d*$|^telefax|^fax|createdby|modifiedby|emergencycontact|assistantphone|asstphone|companymain/;

/** The last names of paths such as `emails.value` and `phones.work`, which the name before tells of. */
// prettier-ignore
const WHICH = new Set(['value', 'address', 'number', 'raw', 'e164', 'formatted', 'primary', 'secondary', 'work', 'home', 'mobile', 'other', 'personal', 'business', 'private', 'default', 'main']);

/** What a column holds by its name. */
export interface Told {
  readonly telling: Telling;
  /** False: it holds something about one, or somebody else's, which is named and not read. */
  readonly isTheirs: boolean;
}

/** What the name of a column tells; null: nothing. Of a path, such as `traits.email`, the last name tells, and all tell whose it is. */
export function told(header: string): Told | null {
  if (looksLikeData(header)) {
    return null;
  }
  // Names of vCard, such as TEL;TYPE=CELL
  const [, card] = /^(tel|email)\s*[;:]/i.exec(header) ?? [];
  if (card !== undefined) {
    return { telling: card.toLowerCase() === 'tel' ? 'phone' : 'email', isTheirs: true };
  }
  const path = header.split('.');
  const last = isPath(path) ? path.at(-1)! : header;
  const words = wordsOf(isPath(path) && WHICH.has(bare(last)) ? `${path.at(-2)} ${last}` : last);
  const name = words.join('');
  const telling = EMAIL.test(name)
    ? 'email'
    : PHONE.test(name) || words.some((word) => PHONE_WORDS.has(word.replace(/\d+$/, '')))
      ? 'phone'
      : null;
  if (telling === null) {
    return null;
  }
  const isAbout = words.some((word) => ABOUT.has(word)) || ABOUT_PARTS.test(name);
  const all = isPath(path) ? path.flatMap(wordsOf) : words;
  const isOthers =
    all.some((word) => OTHERS.has(word)) ||
    OTHERS_PARTS.test(name) ||
    all.slice(0, -words.length).some((word) => OTHER_PEOPLE.has(word));
  return { telling, isTheirs: !isAbout && !isOthers };
}

/** Whether the parts between the dots of a name are names, as those of nested properties; `Tel. privat` is one name. */
function isPath(parts: readonly string[]): boolean {
  return parts.length > 1 && parts.every((part) => /^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(part));
}
