import ipaddr from 'ipaddr.js';
import type { Networks } from '../../config/settings.js';

/** What an address is to a webhook: reachable by https alone, by http too because the operator allows it, or not at all. */
export type AddressJudgement = 'public' | 'allowed' | 'refused';

/** Where all public addresses of version 6 lie so far; what is outside may be anything one day. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3') as [ipaddr.IPv6, number];
/** The prefix by which IPv6 hosts reach the IPv4 internet: the last 32 bits are the address that is reached. */
const NAT64 = ipaddr.parseCIDR('64:ff9b::/96') as [ipaddr.IPv6, number];

/**
 * Judges whether a webhook may connect to an address.
 *
 * Only public unicast addresses pass, and those of the allowed networks. An IPv4 address inside an IPv6 one (mapped, compatible,
 * NAT64) is judged as what it stands for. Other forms of translation and tunnels (6to4, Teredo, the local prefix
 * 64:ff9b:1::/48, where the place of the IPv4 address is a matter of configuration) are refused.
 *
 * @param address as a resolver gives it, or as the host of a URL, also in brackets; what is no address is refused
 */
export function judgeAddress(address: string, allowed: Networks): AddressJudgement {
  const text = address.replace(/^\[(.*)\]$/, '$1');
  if (!ipaddr.isValid(text)) {
    return 'refused';
  }
  // unwraps mapped and compatible addresses
  const given = ipaddr.process(text);
  const meant = given instanceof ipaddr.IPv6 && given.match(NAT64) ? lastIPv4(given) : given;
  if (allowed.some(([network, bits]) => network.kind() === meant.kind() && isIn(meant, network, bits))) {
    return 'allowed';
  }
  const isGlobal = meant instanceof ipaddr.IPv4 || meant.match(GLOBAL_UNICAST);
  return isGlobal && meant.range() === 'unicast' ? 'public' : 'refused';
}

/** Whether the host of a URL is an address and not a name. A URL has addresses in their usual form, whatever was typed. */
export function isAddress(hostname: string): boolean {
  return ipaddr.isValid(hostname.replace(/^\[(.*)\]$/, '$1'));
}

function lastIPv4(address: ipaddr.IPv6): ipaddr.IPv4 {
  return new ipaddr.IPv4(address.toByteArray().slice(-4));
}

function isIn(address: ipaddr.IPv4 | ipaddr.IPv6, network: ipaddr.IPv4 | ipaddr.IPv6, bits: number): boolean {
  return address instanceof ipaddr.IPv4 ? address.match(network, bits) : address.match(network, bits);
}
