// Which labels the task bears, and those that it could: each is a row of `task_label` that is there or not.
import { bear, useLabels, useLabelsOf } from '../data';
import { Check } from '../look/icons';

export function TaskLabels({ task }: { task: string }) {
  const labels = useLabels();
  const borne = new Set(useLabelsOf(task).map(({ id }) => id));
  return (
    <section>
      <h3 id="labels">Labels</h3>
      <div className="label-choice" role="group" aria-labelledby="labels">
        {labels.map(({ id, name, color }) => (
          <button
            key={id}
            className="label"
            style={{ '--color': color } as React.CSSProperties}
            aria-pressed={borne.has(id)}
            onClick={() => bear(task, id, !borne.has(id))}
          >
            {name}
            {borne.has(id) && <Check />}
          </button>
        ))}
      </div>
    </section>
  );
}
