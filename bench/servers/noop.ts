import { Settings } from '../../src/config/settings.js';
import { createApp } from '../../src/create-app.js';
import { SightingBatcher } from '../../src/identity/batching/sighting-batcher.js';
import type { IdentityView } from '../../src/identity/domain/contact.js';
import { ANSWERS } from './answers.js';

// The service itself, whole, with one thing taken out: what a call would do beyond HTTP. The parser, the checks, the
// controller and the serialiser are the service's own, so that this is the most that it could ever reach.

const settings = new Settings(process.env);
const app = await createApp(settings);
let count = 0;
const views: IdentityView[] = ANSWERS.map(({ emails, phoneNumbers, ...ids }) => ({
  ...ids,
  values: new Map(Object.entries({ email: emails, phoneNumber: phoneNumbers })),
}));
app.get(SightingBatcher, { strict: false }).identify = () => Promise.resolve(views[count++ % views.length]!);
app.enableShutdownHooks(['SIGTERM', 'SIGINT'], { useProcessExit: true });
await app.listen(settings.port, settings.host);
