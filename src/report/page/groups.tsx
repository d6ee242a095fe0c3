/** The groups, what nobody explained first, and the connections. A click on either filters the list. */
import type { JSX } from 'preact';
import type { ConnectionSummary, Group } from '../model.ts';
import { formatCount, KIND_SIGN } from './format.ts';
import { TableHead } from './table-head.tsx';

export function Groups(props: {
  readonly groups: readonly Group[];
  readonly selected: string | null;
  readonly onSelect: (group: string | null) => void;
}): JSX.Element {
  return (
    <section class="panel groups" aria-label="Groups">
      <div class="panel-head">
        <h2>Groups</h2>
        <span class="muted">divergences with one cause</span>
      </div>
      {props.groups.length === 0 ? (
        <p class="empty">No divergences, so no groups.</p>
      ) : (
        <div class="table-scroll">
          <table>
            <TableHead
              columns={['Kind', { name: 'Count', isNumber: true }, 'Group', 'Cause', 'Evidence']}
            />
            <tbody>
              {props.groups.map((group) => (
                <GroupRow
                  key={group.id}
                  group={group}
                  isSelected={group.id === props.selected}
                  onSelect={props.onSelect}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function GroupRow(props: {
  readonly group: Group;
  readonly isSelected: boolean;
  readonly onSelect: (group: string | null) => void;
}): JSX.Element {
  const { group, isSelected } = props;
  const toggle = (): void => props.onSelect(isSelected ? null : group.id);
  return (
    <tr class={isSelected ? 'selected' : ''} data-group={group.id} onClick={toggle}>
      <td class="kind-cell">
        <span class="sign" aria-hidden="true">
          {KIND_SIGN[group.kind]}
        </span>
        {group.kind}
      </td>
      <td class="number">{formatCount(group.count)}</td>
      <td>
        <button
          type="button"
          class="link title"
          aria-pressed={isSelected}
          onClick={(event) => {
            event.stopPropagation();
            toggle();
          }}
        >
          {group.title}
        </button>
        <span class="muted id"> {group.id}</span>
      </td>
      <td>
        {group.cause === 'unexplained' ? (
          <span class="unexplained">? unexplained</span>
        ) : (
          <>
            <span class="cause">{group.cause}</span>
            {group.explanation !== '' && <div class="muted">{group.explanation}</div>}
          </>
        )}
      </td>
      <td class="evidence">{group.evidence}</td>
    </tr>
  );
}

export function Connections(props: {
  readonly connections: readonly ConnectionSummary[];
  readonly selected: number | null;
  readonly onSelect: (connection: number | null) => void;
}): JSX.Element {
  return (
    <section class="panel connections" aria-label="Connections">
      <div class="panel-head">
        <h2>Connections</h2>
      </div>
      <div class="table-scroll">
        <table>
          <TableHead
            columns={[
              'Connection',
              { name: 'Sent', isNumber: true },
              { name: 'Old', isNumber: true },
              { name: 'New', isNumber: true },
              { name: 'Div.', isNumber: true, title: 'Divergences' },
            ]}
          />
          <tbody>
            {props.connections.map((connection) => (
              <ConnectionRow
                key={connection.id}
                connection={connection}
                isSelected={connection.id === props.selected}
                onSelect={props.onSelect}
              />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function ConnectionRow(props: {
  readonly connection: ConnectionSummary;
  readonly isSelected: boolean;
  readonly onSelect: (connection: number | null) => void;
}): JSX.Element {
  const { connection, isSelected } = props;
  const toggle = (): void => props.onSelect(isSelected ? null : connection.id);
  return (
    <tr class={isSelected ? 'selected' : ''} data-connection={connection.id} onClick={toggle}>
      <td>
        <button
          type="button"
          class="link"
          aria-pressed={isSelected}
          onClick={(event) => {
            event.stopPropagation();
            toggle();
          }}
        >
          {connection.label}
        </button>
        <span class="muted id"> {connection.id}</span>
      </td>
      <td class="number">{formatCount(connection.clientFrames)}</td>
      <td class="number">{formatCount(connection.oldFrames)}</td>
      <td class="number">{formatCount(connection.newFrames)}</td>
      <td class={`number ${connection.divergences > 0 ? 'strong' : 'muted'}`}>
        {formatCount(connection.divergences)}
      </td>
    </tr>
  );
}
