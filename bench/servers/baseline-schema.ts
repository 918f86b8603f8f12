/** The table of the baseline, in a schema of its own beside the service's. Indexes follow once it is filled. */
export const BASELINE_TABLE = `
  create schema baseline;
  create table baseline.contact (
    id serial primary key,
    email text,
    phone_number text,
    linked_id int references baseline.contact (id),
    link_precedence text not null check (link_precedence in ('primary', 'secondary')),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
  )`;

export const BASELINE_INDEXES = `
  create index on baseline.contact (email);
  create index on baseline.contact (phone_number);
  create index on baseline.contact (linked_id)`;
