import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { RawCall, RawReply } from './raw-call.js';

/** A JSON schema, as far as generating values from it goes. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly minProperties?: number;
  readonly required?: readonly string[];
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

interface DocumentedResponse {
  readonly headers?: Readonly<Record<string, { readonly required?: boolean }>>;
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

export interface Operation {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly security?: readonly unknown[];
  readonly responses: Readonly<Record<string, DocumentedResponse>>;
}

export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export const PROBLEM = 'application/problem+json';

/**
 * What is refused before a call belongs to any operation: bytes that are no request, a request that is too slow, a path
 * or headers that are too long, an expectation. No operation lists these.
 */
const BEFORE_ROUTING = [400, 408, 414, 417, 431];
/** What a route that is not there answers, and what a body is refused with before anyone asks for its route. */
const WITHOUT_OPERATION = [...BEFORE_ROUTING, 404, 413, 415];

/** Judges answers by an OpenAPI document. */
export class Contract {
  private readonly ajv = new Ajv2020({ strict: false, validateFormats: false, validateSchema: false });
  private readonly validators = new Map<string, ValidateFunction>();

  constructor(private readonly document: OpenApiDocument) {
    this.ajv.addSchema(closed(document), 'document');
  }

  /** `get /contacts/{id}`, say; null if the document knows no such operation. A HEAD is the GET of its path. */
  operationOf({ method, path }: RawCall): string | null {
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
    const pathname = pathnameOf(path);
    const template = Object.keys(this.document.paths).find((each) =>
      new RegExp(`^${each.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(pathname),
    );
    return template !== undefined && verb in this.document.paths[template]! ? `${verb} ${template}` : null;
  }

  /** What the answer to a call has that the document does not say, or lacks of it; null if nothing. */
  breach(call: RawCall, reply: RawReply): string | null {
    const { status, headers, body } = reply;
    const operation = this.operationOf(call);
    const [type] = (headers['content-type'] as string | undefined)?.split(';') ?? [];
    if (status >= 500) {
      return `a server error: ${status}`;
    }
    if (headers['x-request-id'] === undefined) {
      return 'no request id';
    }
    const documented = operation === null ? undefined : this.responsesOf(operation)[status];
    if (documented === undefined) {
      const allowed = operation === null ? WITHOUT_OPERATION : BEFORE_ROUTING;
      if (!allowed.includes(status)) {
        return `the status ${status} is not documented for ${operation ?? 'what is no operation'}`;
      }
      return type === PROBLEM
        ? this.breachOfBody(call, '#/components/schemas/Problem', body)
        : `type ${type}`;
    }
    const missing = Object.entries(documented.headers ?? {}).find(
      ([name, { required }]) => required !== false && headers[name.toLowerCase()] === undefined,
    );
    if (missing !== undefined) {
      return `the header ${missing[0]} is missing`;
    }
    const types = Object.keys(documented.content ?? {});
    if (types.length === 0) {
      return body === '' && type === undefined ? null : 'a body where none is documented';
    }
    if (type === undefined || !types.includes(type)) {
      return `the type ${type} is not documented`;
    }
    const [verb, path] = operation!.split(' ') as [string, string];
    const pointer = ['paths', path, verb, 'responses', `${status}`, 'content', type, 'schema'];
    return this.breachOfBody(call, `#/${pointer.map(escaped).join('/')}`, body);
  }

  private responsesOf(operation: string): Operation['responses'] {
    const [verb, path] = operation.split(' ') as [string, string];
    return this.document.paths[path]![verb]!.responses;
  }

  private breachOfBody({ method }: RawCall, reference: string, body: string): string | null {
    if (method === 'HEAD') {
      return body === '' ? null : 'an answer to HEAD has a body';
    }
    const validate = this.validators.get(reference) ?? this.ajv.compile({ $ref: `document${reference}` });
    this.validators.set(reference, validate);
    try {
      return validate(JSON.parse(body)) ? null : this.ajv.errorsText(validate.errors);
    } catch {
      return 'the body is not JSON';
    }
  }
}

/** The path as a router reads it: without scheme and host, which RFC 9112 allows, decoded but for its delimiters. */
function pathnameOf(target: string): string {
  const [path = ''] = target.replace(/^https?:\/\/[^/]*/, '').split(/[?#]/, 1);
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

function escaped(part: string): string {
  return encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
}

/** The document with every object closed that names its properties: what it does not name must not be answered. */
function closed(document: OpenApiDocument): object {
  return JSON.parse(JSON.stringify(document), (_key, value: unknown) => {
    const isOpen =
      typeof value === 'object' &&
      value !== null &&
      'properties' in value &&
      !('additionalProperties' in value);
    return isOpen && (value as Schema).type === 'object' ? { ...value, additionalProperties: false } : value;
  }) as object;
}
