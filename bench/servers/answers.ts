import { emailOf, phoneOf, type IdentityAnswer } from '../customers/population.js';

/** What the servers without a database answer in turn: one contact and two, as large as known identities on average. */
export const ANSWERS: readonly IdentityAnswer[] = [
  { primaryContactId: 1, emails: [emailOf(1)], phoneNumbers: [phoneOf(1)], secondaryContactIds: [] },
  {
    primaryContactId: 2,
    emails: [emailOf(2)],
    phoneNumbers: [phoneOf(2), phoneOf(3)],
    secondaryContactIds: [3],
  },
];
