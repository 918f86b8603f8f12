export { IdentityClient, type ClientOptions } from './identity-client.js';
export { eventsOf, type EventsQuery } from './events.js';
export { pagesOf, type Page } from './pages.js';
export type { Patience } from './patient-fetch.js';
export { ProblemError } from './problem-error.js';
export { verifyWebhook, WebhookVerificationError, type WebhookEvent } from './webhooks.js';
export type * from './generated/types.gen.js';
