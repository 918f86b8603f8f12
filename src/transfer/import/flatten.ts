/** The properties of an object, those in it too, by their paths. */
export interface Flat {
  readonly keys: readonly string[];
  /** A property that a list of objects has is a list. */
  readonly values: readonly unknown[];
}

/** Objects in objects that are looked into. */
const DEPTH_MAX = 8;

/**
 * The properties of an object by their paths: `{"traits": {"email": …}}` has `traits.email`, and `{"phones": [{"value": …}]}` has
 * `phones.value` with a list. Of `{"identities": [{"type": "email", "value": …}]}` the type is a part of the path: `identities.email`.
 */
export function flattened(object: Readonly<Record<string, unknown>>): Flat {
  const keys = Object.keys(object);
  const values = Object.values(object);
  if (!values.some(isNested)) {
    return { keys, values };
  }
  const flat = new Map<string, unknown>();
  keys.forEach((key, i) => addTo(flat, key, values[i], 1));
  return { keys: [...flat.keys()], values: [...flat.values()] };
}

function addTo(flat: Map<string, unknown>, path: string, value: unknown, depth: number): void {
  if (!isNested(value) || depth > DEPTH_MAX || Object.keys(value).length === 0) {
    add(flat, path, value);
    return;
  }
  const isList = Array.isArray(value);
  for (const each of isList ? (value as unknown[]) : [value]) {
    if (typeof each !== 'object' || each === null || Array.isArray(each)) {
      add(flat, path, [each]);
      continue;
    }
    const typed = isList ? typedValue(each as Record<string, unknown>) : null;
    if (typed === null) {
      for (const [key, inner] of Object.entries(each as Record<string, unknown>)) {
        addTo(flat, `${path}.${key}`, isList && !isNested(inner) ? [inner] : inner, depth + 1);
      }
    } else {
      add(flat, `${path}.${typed.type}`, [typed.value]);
    }
  }
}

/** The second one of a path makes a list of both. */
function add(flat: Map<string, unknown>, path: string, value: unknown): void {
  const known = flat.get(path);
  flat.set(path, known === undefined ? value : [known, value].flat());
}

/** What an item of a list of identities says: the kind of an identity, and its value. */
function typedValue(item: Readonly<Record<string, unknown>>): { type: string; value: unknown } | null {
  const type = item.identity_type ?? item.identityType ?? item.type;
  const value = item.identity ?? item.value ?? item.id;
  const isTyped =
    typeof type === 'string' && /^(?:email|e-?mail|phone|phone_?number|mobile|sms|tel|whatsapp)$/i.test(type);
  return isTyped && typeof value !== 'object' ? { type: type.toLowerCase(), value } : null;
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
