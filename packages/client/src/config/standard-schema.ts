// Standard Schema v1 (https://standardschema.dev), the part that is asked of a schema: its types, copied as the specification
// suggests, so that any library's schema fits and none is depended on.

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What is asked of a schema here. */
export interface Validates<Output> {
  readonly '~standard': { readonly validate: StandardSchema<unknown, Output>['~standard']['validate'] };
}
