import { Settings } from '../../src/config/settings.js';
import { createApp } from '../../src/create-app.js';
import type { IdentityView } from '../../src/identity/domain/contact.js';
import { SightingBatcher } from '../../src/identity/batching/sighting-batcher.js';
import { emailOf, phoneOf } from '../people/population.js';

// The service itself, whole, with one thing taken out: what a call would do beyond HTTP. The parser, the checks, the
// controller and the serialiser are the service's own, so that this is the most that it could ever reach.

/** One contact and two, in turn: as large as the known identities are on the average. */
const VIEWS: readonly IdentityView[] = [
  { primaryContactId: 1, emails: [emailOf(1)], phoneNumbers: [phoneOf(1)], secondaryContactIds: [] },
  {
    primaryContactId: 2,
    emails: [emailOf(2)],
    phoneNumbers: [phoneOf(2), phoneOf(3)],
    secondaryContactIds: [3],
  },
];

const settings = new Settings(process.env);
const app = await createApp(settings);
let count = 0;
app.get(SightingBatcher, { strict: false }).identify = () => Promise.resolve(VIEWS[count++ % VIEWS.length]!);
app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
await app.listen(settings.port, settings.host);
process.stdout.write(`Listening on ${await app.getUrl()}\n`);
