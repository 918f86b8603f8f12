import type { ProblemDescription, ProblemError } from '../../http/problems/problem.js';

/** There is no webhook with this id. Does not reveal whether there ever was. */
export class WebhookNotFoundError extends Error implements ProblemError {
  override readonly name = 'WebhookNotFoundError';

  constructor(id: number) {
    super(`There is no webhook ${id}.`);
  }

  get problem(): ProblemDescription {
    return { slug: 'webhook-not-found', title: 'Webhook not found', status: 404, detail: this.message };
  }
}

/** A tenant has as many webhooks as it may. Each costs a row for every event. */
export class WebhookLimitError extends Error implements ProblemError {
  override readonly name = 'WebhookLimitError';

  constructor(max: number) {
    super(`There are ${max} webhooks, and there can't be more; delete one.`);
  }

  get problem(): ProblemDescription {
    return { slug: 'webhook-limit', title: 'Too many webhooks', status: 409, detail: this.message };
  }
}

/** There is no key to encrypt the secrets of webhooks with. */
export class WebhooksNotConfiguredError extends Error implements ProblemError {
  override readonly name = 'WebhooksNotConfiguredError';

  constructor() {
    super('WEBHOOK_KEY is not set');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'webhooks-not-configured',
      title: 'Webhooks not configured',
      status: 503,
      detail:
        'WEBHOOK_KEY is not set, so there can be no webhooks; nothing was changed. Set it to a secret of at least 32 bytes on every replica.',
    };
  }
}

/** A secret was encrypted with a key that this process does not have. */
export class SecretUnreadableError extends Error implements ProblemError {
  override readonly name = 'SecretUnreadableError';

  constructor() {
    super('neither WEBHOOK_KEY nor WEBHOOK_KEY_PREVIOUS is the key of the secret');
  }

  get problem(): ProblemDescription {
    return {
      slug: 'webhook-key-mismatch',
      title: 'Another webhook key',
      status: 503,
      detail: `The secret can't be read: ${this.message}. Set the right keys on every replica, or rotate the secret.`,
    };
  }
}
