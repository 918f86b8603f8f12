import fc, { type Arbitrary } from 'fast-check';
import type { OpenApiDocument, Schema } from './openapi.js';

/** JSON that a schema of an OpenAPI document allows. */
export function valueOf(document: OpenApiDocument, schema: Schema): Arbitrary<unknown> {
  const { $ref, allOf, anyOf, oneOf, type, properties, additionalProperties } = schema;
  if ($ref !== undefined) {
    return valueOf(document, document.components.schemas[$ref.split('/').at(-1)!]!);
  }
  if (allOf !== undefined) {
    // Of the alternatives beside it each says what must be there: what they say is laid over what all have in common.
    const over =
      anyOf === undefined
        ? fc.constant({})
        : fc.oneof(...anyOf.map((each) => requiredOf(document, allOf, each)));
    return fc
      .tuple(...allOf.map((each) => valueOf(document, each)), over)
      .map((parts) => Object.assign({}, ...parts) as object);
  }
  const alternatives =
    anyOf ?? oneOf ?? (Array.isArray(type) ? type.map((each: string) => ({ ...schema, type: each })) : null);
  if (alternatives !== null) {
    return fc.oneof(...alternatives.map((each) => valueOf(document, each)));
  }
  if (type === 'object' && properties === undefined && typeof additionalProperties === 'object') {
    const values = valueOf(document, additionalProperties);
    // few, so that identities meet; few names, since a tenant declares few kinds
    const value = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('C-1', 'C-2', 7) }, values);
    const name = fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom('customerId', 'loyaltyCard') },
      fc.string(),
    );
    return fc.dictionary(name, value, { minKeys: schema.minProperties ?? 0, maxKeys: 2 });
  }
  if (type === 'object' || properties !== undefined) {
    if (properties?.kind !== undefined && properties.value !== undefined) {
      return anIdentifier;
    }
    const fields = Object.entries(properties ?? {}).map(
      ([name, each]) => [name, valueOf(document, each)] as const,
    );
    return fc.record(Object.fromEntries(fields), { requiredKeys: [...(schema.required ?? [])] });
  }
  if (type === 'array') {
    const { items, minItems: minLength = 0, maxItems = Infinity } = schema;
    return fc.uniqueArray(valueOf(document, items!), {
      minLength,
      maxLength: Math.min(minLength + 1, maxItems),
      comparator: 'SameValueZero',
      selector: (item) => JSON.stringify(item),
    });
  }
  return scalarOf(schema);
}

/** The properties that one alternative asks for, as the common schemas allow them, though never null. */
function requiredOf(
  document: OpenApiDocument,
  common: readonly Schema[],
  { required = [] }: Schema,
): Arbitrary<object> {
  const fields = required.map((name) => {
    const resolved = common.map(({ $ref }) => document.components.schemas[$ref!.split('/').at(-1)!]!);
    const property = resolved.find(({ properties }) => name in (properties ?? {}))!.properties![name]!;
    return [name, valueOf(document, property).filter((value) => value !== null)] as const;
  });
  return fc.record(Object.fromEntries(fields));
}

const aPhoneNumber = fc.stringMatching(/^(\+[1-9]|0)?\d{3,12}$/);

/** A value that is one of its kind: no schema says so. */
const anIdentifier = fc.oneof(
  fc.record({ kind: fc.constant('email'), value: fc.emailAddress() }),
  fc.record({ kind: fc.constant('phoneNumber'), value: fc.oneof(fc.nat(9), aPhoneNumber) }),
  fc.record({ kind: fc.constantFrom('customerId', 'loyaltyCard'), value: fc.constantFrom('C-1', 'C-2', 7) }),
);

function scalarOf({
  type,
  format,
  minimum,
  maximum,
  minLength = 0,
  pattern,
  enum: options,
}: Schema): Arbitrary<unknown> {
  if (options !== undefined) {
    return fc.constantFrom(...options);
  }
  if (format === 'date-time') {
    return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  }
  if (pattern !== undefined) {
    // names of kinds
    return fc.oneof(fc.constantFrom('email', 'customerId'), fc.stringMatching(new RegExp(pattern)));
  }
  switch (String(type)) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.oneof(
        // the first ids, which often exist
        { weight: 6, arbitrary: fc.integer({ min: 1, max: 4 }) },
        fc.integer({
          min: Math.max(minimum ?? -Infinity, Number.MIN_SAFE_INTEGER),
          max: Math.min(maximum ?? Infinity, Number.MAX_SAFE_INTEGER),
        }),
        fc.constantFrom(...[minimum, maximum].filter((bound) => bound !== undefined), 123_456),
      );
    case 'string':
      // few, so that identities meet
      return format === 'email'
        ? fc.oneof(fc.constantFrom('lorraine@hillvalley.edu', 'mcfly@hillvalley.edu'), fc.emailAddress())
        : fc.oneof(fc.constantFrom('123456', '919191'), aPhoneNumber, fc.string({ minLength }));
    default:
      throw new Error(`nobody generates values of the type ${String(type)}`);
  }
}
