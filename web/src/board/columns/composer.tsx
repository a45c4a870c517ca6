// Where the title of a new task is written. Enter keeps the field open for the next one; Escape, or leaving it empty,
// closes it.
import { useEffect, useRef, useState } from 'react';

interface Props {
  label: string;
  onCreate: (title: string) => void;
  onClose: () => void;
}

export function Composer({ label, onCreate, onClose }: Props) {
  const [title, setTitle] = useState('');
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []);
  const create = () => {
    const text = title.trim();
    if (text) onCreate(text);
    setTitle('');
  };
  return (
    <form
      className="composer card"
      onSubmit={(event) => {
        event.preventDefault();
        create();
      }}
    >
      <textarea
        ref={field}
        rows={2}
        value={title}
        aria-label={label}
        placeholder="What is to be done?"
        onChange={(event) => setTitle(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onClose();
          if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          create();
        }}
        onBlur={(event) => {
          const stays = event.currentTarget.form?.contains(event.relatedTarget);
          if (!stays && !title.trim()) onClose();
        }}
      />
      <div className="composer-foot">
        <button type="submit" className="primary" disabled={!title.trim()}>Add task</button>
        <button type="button" className="quiet" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
