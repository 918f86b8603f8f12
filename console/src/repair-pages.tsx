import { Alert, Button, Group, List, NumberInput, Stack, Switch, Text, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Change } from '../../clients/typescript/src/index.js';
import { api, kindName } from './api.js';
import { AS_READ, ChangePanel } from './change-panel.js';
import { Loaded } from './parts.js';
import { usePeople } from './people.js';
import { idsOf, mergeRoute, splitRoute, undoRoute } from './router.js';

/** Makes several people one. */
export function MergePage() {
  const { ids: text } = mergeRoute.useSearch();
  const navigate = mergeRoute.useNavigate();
  const ids = idsOf(text);
  const people = usePeople(ids, AS_READ);
  const [other, setOther] = useState<number | string>('');
  const [isForced, setIsForced] = useState(false);
  return (
    <Stack>
      <Title order={1} size="h2">
        Merge people
      </Title>
      <Group align="flex-end">
        <NumberInput
          label="With the person of contact"
          hideControls
          allowDecimal={false}
          allowNegative={false}
          min={1}
          value={other}
          onChange={setOther}
        />
        <Button
          variant="default"
          disabled={other === ''}
          onClick={() => {
            setOther('');
            void navigate({ search: { ids: [...new Set([...ids, Number(other)])].join(',') } });
          }}
        >
          Add
        </Button>
      </Group>
      <Switch
        label="Also against rules and limits (“force”); the rules between them are deleted"
        checked={isForced}
        onChange={(event) => setIsForced(event.currentTarget.checked)}
      />
      {ids.length === 0 ? (
        <Text c="dimmed">Nobody so far. Add two people, each by one of their contacts.</Text>
      ) : (
        <Loaded query={people}>
          {(before) =>
            before.length < 2 ? (
              <Text c="dimmed">One person so far. Add another one.</Text>
            ) : (
              <ChangePanel
                key={`${text} ${isForced}`}
                name={['merge', text, isForced]}
                before={before}
                verb={`Merge ${before.length} people`}
                make={({ reason, ...options }) =>
                  api.mergeIdentities({
                    body: {
                      contactIds: before.map(({ primaryContactId: id }) => id),
                      force: isForced,
                      reason,
                    },
                    ...options,
                  })
                }
                afterwards={(change) => <UndoLinks change={change} />}
              />
            )
          }
        </Loaded>
      )}
    </Stack>
  );
}

function UndoLinks({ change: { mergeIds, identities } }: { readonly change: Change }) {
  const contact = identities[0]?.contact.primaryContactId;
  return mergeIds.map((id) => (
    <Link key={id} to="/merges/$id/undo" params={{ id: String(id) }} search={{ contact: String(contact) }}>
      Undo merge {id}…
    </Link>
  ));
}

function MergeAgain({ change: { identities } }: { readonly change: Change }) {
  return (
    identities.length > 1 && (
      <Link
        to="/merge"
        search={{ ids: identities.map(({ contact }) => String(contact.primaryContactId)).join(',') }}
      >
        Put them together again…
      </Link>
    )
  );
}

/** Takes contacts, or an identifier, out of a person. */
export function SplitPage() {
  const { id } = splitRoute.useParams();
  const { contacts, kind, value } = splitRoute.useSearch();
  const contactIds = idsOf(contacts);
  const people = usePeople([Number(id)], AS_READ);
  const isNamed = contactIds.length > 0 || (kind !== undefined && value !== undefined);
  return (
    <Stack>
      <Title order={1} size="h2">
        Split person {id}
      </Title>
      {isNamed ? (
        <Text>
          {contactIds.length > 1
            ? `Contacts ${contactIds.join(', ')} become a person of their own.`
            : `${contactIds.length === 1 ? `Contact ${contactIds[0]}` : `The ${kindName(kind ?? 'identifier')} ${value ?? ''}`} becomes a person of its own.`}{' '}
          Identifiers that came together and now lie apart get a rule, so that they stay apart.
        </Text>
      ) : (
        <Alert color="yellow">Choose contacts or an identifier on the page of the person.</Alert>
      )}
      {isNamed && (
        <Loaded query={people}>
          {(before) => (
            <ChangePanel
              key={`${contacts} ${kind} ${value}`}
              name={['split', id, contacts, kind, value]}
              before={before}
              verb="Split"
              make={({ reason, ...options }) =>
                api.splitIdentity({
                  body: {
                    contactId: Number(id),
                    reason,
                    ...(contactIds.length > 0
                      ? { contactIds }
                      : { identifiers: [{ kind: kind ?? '', value: value ?? '' }] }),
                  },
                  ...options,
                })
              }
              afterwards={(change) => <MergeAgain change={change} />}
            />
          )}
        </Loaded>
      )}
    </Stack>
  );
}

/** Undoes one merge. The address names contacts of the person; some may be gone since the link was made. */
export function UndoPage() {
  const { id } = undoRoute.useParams();
  const { contact } = undoRoute.useSearch();
  const contactIds = idsOf(contact);
  const people = usePeople(contactIds, { ...AS_READ, leavesOutGone: true });
  return (
    <Stack>
      <Title order={1} size="h2">
        Undo merge {id}
      </Title>
      <List size="sm">
        <List.Item>The person falls into the two that the merge joined.</List.Item>
        <List.Item>
          What came later goes with the side that it came to; what was deleted stays deleted.
        </List.Item>
        <List.Item>A rule keeps them apart if their identifiers come together again.</List.Item>
      </List>
      {contactIds.length === 0 ? (
        <Alert color="yellow">Choose the merge on the page of the person.</Alert>
      ) : (
        <Loaded query={people}>
          {(before) => (
            <ChangePanel
              name={['undo', id]}
              before={before}
              verb={`Undo merge ${id}`}
              make={({ reason, ...options }) =>
                api.undoMerge({ path: { id: Number(id) }, body: { reason }, ...options })
              }
              afterwards={(change) => <MergeAgain change={change} />}
            />
          )}
        </Loaded>
      )}
    </Stack>
  );
}
