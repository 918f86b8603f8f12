import {
  createBrowserHistory,
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router';
import { changeKindOf, type ChangeKind } from './change-kinds.js';
import { Layout } from './layout.js';
import { Nothing } from './parts.js';
import { ProblemView } from './problem.js';
import { SearchPage } from './search-page.js';

const root = createRootRoute({
  component: Layout,
  notFoundComponent: () => <Nothing>There is no such page.</Nothing>,
  errorComponent: ({ error }) => <ProblemView error={error} />,
});

const text = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;

/** The ids of a list in an address. */
export function idsOf(list: string | undefined): number[] {
  return (list ?? '')
    .split(',')
    .map(Number)
    .filter((id) => Number.isSafeInteger(id) && id > 0);
}

export const searchRoute = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: SearchPage,
  validateSearch: (search): { q?: string; chosen?: string } => ({
    q: text(search.q),
    chosen: text(search.chosen),
  }),
});

export const TABS = ['evidence', 'history', 'merges', 'rules'] as const;
export type Tab = (typeof TABS)[number];

export const identityRoute = createRoute({
  getParentRoute: () => root,
  path: '/identities/$id',
  component: lazyRouteComponent(() => import('./identity-page.js'), 'IdentityPage'),
  validateSearch: (search): { tab?: Tab; at?: string; from?: string; to?: string; chosen?: string } => ({
    tab: TABS.find((tab) => tab === search.tab),
    at: text(search.at),
    from: text(search.from),
    to: text(search.to),
    chosen: text(search.chosen),
  }),
});

export const mergeRoute = createRoute({
  getParentRoute: () => root,
  path: '/merge',
  component: lazyRouteComponent(() => import('./repair-pages.js'), 'MergePage'),
  validateSearch: (search): { ids?: string } => ({ ids: text(search.ids) }),
});

export const splitRoute = createRoute({
  getParentRoute: () => root,
  path: '/identities/$id/split',
  component: lazyRouteComponent(() => import('./repair-pages.js'), 'SplitPage'),
  validateSearch: (search): { contacts?: string; kind?: string; value?: string } => ({
    contacts: text(search.contacts),
    kind: text(search.kind),
    value: text(search.value),
  }),
});

export const undoRoute = createRoute({
  getParentRoute: () => root,
  path: '/merges/$id/undo',
  component: lazyRouteComponent(() => import('./repair-pages.js'), 'UndoPage'),
  validateSearch: (search): { contact?: string } => ({ contact: text(search.contact) }),
});

export const reviewsRoute = createRoute({
  getParentRoute: () => root,
  path: '/reviews',
  component: lazyRouteComponent(() => import('./reviews-page.js'), 'ReviewsPage'),
  validateSearch: (search): { state?: 'decided'; review?: string; chosen?: string } => ({
    state: search.state === 'decided' ? 'decided' : undefined,
    review: text(search.review),
    chosen: text(search.chosen),
  }),
});

const suspiciousRoute = createRoute({
  getParentRoute: () => root,
  path: '/suspicious',
  component: lazyRouteComponent(() => import('./suspicious-page.js'), 'SuspiciousPage'),
});

export const policyRoute = createRoute({
  getParentRoute: () => root,
  path: '/policy',
  component: lazyRouteComponent(() => import('./policy-page.js'), 'PolicyPage'),
  validateSearch: (search): { kind?: string; pattern?: string; existing?: 'split' } => ({
    kind: text(search.kind),
    pattern: text(search.pattern),
    existing: search.existing === 'split' ? 'split' : undefined,
  }),
});

export const privacyRoute = createRoute({
  getParentRoute: () => root,
  path: '/privacy',
  component: lazyRouteComponent(() => import('./privacy-page.js'), 'PrivacyPage'),
  validateSearch: (search): { contact?: string; erasure?: string } => ({
    contact: text(search.contact),
    erasure: text(search.erasure),
  }),
});

export const eventsRoute = createRoute({
  getParentRoute: () => root,
  path: '/events',
  component: lazyRouteComponent(() => import('./events-page.js'), 'EventsPage'),
  validateSearch: (search): { types?: string; after?: string; live?: true } => ({
    types: text(search.types),
    after: text(search.after),
    live: search.live === true ? true : undefined,
  }),
});

const webhooksRoute = createRoute({
  getParentRoute: () => root,
  path: '/events/webhooks',
  component: lazyRouteComponent(() => import('./webhooks-page.js'), 'WebhooksPage'),
});

const newWebhookRoute = createRoute({
  getParentRoute: () => root,
  path: '/events/webhooks/new',
  component: lazyRouteComponent(() => import('./webhooks-page.js'), 'NewWebhookPage'),
});

export const DELIVERY_STATES = ['pending', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

export const webhookRoute = createRoute({
  getParentRoute: () => root,
  path: '/events/webhooks/$id',
  component: lazyRouteComponent(() => import('./webhook-page.js'), 'WebhookPage'),
  validateSearch: (search): { state?: DeliveryState } => ({
    state: DELIVERY_STATES.find((state) => state === search.state),
  }),
});

export const keysRoute = createRoute({
  getParentRoute: () => root,
  path: '/keys',
  component: lazyRouteComponent(() => import('./keys-page.js'), 'KeysPage'),
  validateSearch: (search): { rotate?: string; revoke?: string; ended?: true } => ({
    rotate: text(search.rotate),
    revoke: text(search.revoke),
    ended: search.ended === true ? true : undefined,
  }),
});

export const auditRoute = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  component: lazyRouteComponent(() => import('./audit-page.js'), 'AuditPage'),
  validateSearch: (
    search,
  ): { kind?: ChangeKind; actor?: string; contact?: string; from?: string; to?: string } => ({
    kind: changeKindOf(search.kind),
    actor: text(search.actor),
    contact: text(search.contact),
    from: text(search.from),
    to: text(search.to),
  }),
});

/**
 * What a page shows is a part of its address, so that it can be sent to others. It stands behind a `#`, which browsers send to no
 * server: emails and phone numbers must not get into the log of a proxy.
 */
const history = createBrowserHistory({
  parseLocation: () => {
    const { pathname, hash, search } = window.location;
    const shown = hash.startsWith('#?') ? hash.slice(1) : search;
    // An address that was typed on top of another page has no state yet.
    const state = window.history.state ?? { __TSR_index: 0, __TSR_key: String(Math.random()) };
    return { href: pathname + shown, pathname, search: shown, hash: '', state };
  },
  createHref: (path) => path.replace('?', '#?'),
});

export const router = createRouter({
  history,
  routeTree: root.addChildren([
    searchRoute,
    identityRoute,
    mergeRoute,
    splitRoute,
    undoRoute,
    reviewsRoute,
    suspiciousRoute,
    policyRoute,
    privacyRoute,
    eventsRoute,
    webhooksRoute,
    newWebhookRoute,
    webhookRoute,
    keysRoute,
    auditRoute,
  ]),
  basepath: '/console',
  defaultPreload: 'intent',
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
