/** A global of browsers that the generated core names, and that the types of Node lack. */
type BodyInit = NonNullable<RequestInit['body']>;
