import type { ListedChange } from '../../clients/typescript/src/index.js';

export type ChangeKind = ListedChange['kind'];

/** What somebody did, in words. */
export const CHANGE_KINDS: Readonly<Record<ChangeKind, string>> = {
  merge: 'merged people',
  undo: 'undid a merge',
  split: 'split a person',
  'identity-delete': 'deleted a person',
  rule: 'made a rule',
  'rule-delete': 'deleted a rule',
  erasure: 'erased',
  block: 'blocked a value',
  'block-delete': 'let a value link again',
  review: 'decided a review',
  policy: 'changed the policy',
  renormalise: 'renewed normal forms',
  key: 'made a key',
  'key-rotate': 'rotated a key',
  'key-revoke': 'revoked a key',
};

/** Reads a kind from the address or from a form; undefined: any. */
export function changeKindOf(value: unknown): ChangeKind | undefined {
  return typeof value === 'string' && Object.hasOwn(CHANGE_KINDS, value) ? (value as ChangeKind) : undefined;
}
