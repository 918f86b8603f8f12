/** The tenant that every call belongs to as long as callers don't authenticate. */
export const DEFAULT_TENANT_ID = 1;
