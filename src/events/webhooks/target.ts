import type { Networks } from '../../config/settings.js';
import { isAddress, judgeAddress } from './addresses.js';

const URL_MAX = 2_048;

/** A URL that a webhook may have, or why it may not. */
export type Target = { readonly url: string } | { readonly refused: string };

/**
 * Reads the URL of a webhook.
 *
 * It must be https, without a user and a password. http is for the networks that the operator allows. A host that is an address, in
 * any notation, is judged now; a name is judged at every connection, because what it resolves to may change.
 *
 * @returns the URL in its normal form, or what is wrong with it
 */
export function readTarget(given: string, allowed: Networks): Target {
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url === null || given.length > URL_MAX || url.hostname === '') {
    return { refused: `must be a URL of at most ${URL_MAX} characters` };
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && allowed.length > 0)) {
    return { refused: 'must begin with https://' };
  }
  if (url.username !== '' || url.password !== '') {
    return { refused: 'must not contain a user or a password; deliveries are signed instead' };
  }
  const refusal = refusalOf(url, allowed);
  if (refusal !== null) {
    return { refused: refusal };
  }
  url.hash = '';
  return { url: url.href };
}

/**
 * Whether a connection to an address is refused for a URL: it is not public and not allowed, or not encrypted and not allowed.
 */
export function isRefused(protocol: string, address: string, allowed: Networks): boolean {
  const judgement = judgeAddress(address, allowed);
  return judgement === 'refused' || (judgement === 'public' && protocol !== 'https:');
}

function refusalOf({ protocol, hostname }: URL, allowed: Networks): string | null {
  const address = /^(.*\.)?localhost\.?$/.test(hostname) ? '127.0.0.1' : hostname;
  if (!isAddress(address) || !isRefused(protocol, address, allowed)) {
    return null;
  }
  return judgeAddress(address, allowed) === 'public'
    ? 'must begin with https://'
    : 'must not lead to an address that is not public; the operator can allow networks by WEBHOOK_ALLOWED_NETWORKS';
}
