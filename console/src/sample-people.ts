import { api } from './api.js';

const at = (name: string): string => `${name}@hillvalley.edu`;

/** Customers as a shop meets them: typing errors, a shared phone, a merge, and two people that a rule keeps apart. */
const SIGHTINGS = [
  { email: at('lorraine'), phoneNumber: '123456' },
  { email: at('mcfly'), phoneNumber: '123456' },
  // two people, until a third call shows that they are one
  { email: at('george'), phoneNumber: '919191' },
  { email: at('biffsucks'), phoneNumber: '717171' },
  { email: at('george'), phoneNumber: '717171' },
  { email: at('doc'), phoneNumber: '+1 555 010 1985' },
  { email: at('emmett.brown'), phoneNumber: '+1 555 010 1985' },
  { email: at('emmett.brown'), phoneNumber: '+1 555 010 1955' },
  { email: 'doc@example.com', phoneNumber: '+1 555 010 1955' },
  // the phone of a shop, which everybody has given
  ...['goldie', 'strickland', 'marvin', 'linda', 'dave', 'needles', 'match', 'skinhead', '3d'].map(
    (name) => ({
      email: at(name),
      phoneNumber: '5550100',
    }),
  ),
  { email: at('jennifer'), phoneNumber: '800100' },
  { email: at('marlene'), phoneNumber: '800200' },
] as const;

/** Brings people into an empty service, by the calls that any program makes. */
export async function loadSamplePeople(): Promise<void> {
  for (const body of SIGHTINGS) {
    await api.identify({ body });
  }
  const identifiers = [at('jennifer'), at('marlene')].map((value) => ({ kind: 'email', value }));
  await api.makeRule({
    body: {
      identifiers: [identifiers[0]!, identifiers[1]!],
      reason: 'Mother and daughter share a household',
    },
  });
  // withheld because of the rule: a review is opened
  await api.identify({ body: { email: at('jennifer'), phoneNumber: '800200' } });
}
