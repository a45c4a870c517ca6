// What was said about the task, and the field to say something.
import { useState } from 'react';
import { createComment, useComments, usePerson } from '../data';
import { Avatar } from '../look/avatar';
import type { Comment } from '../rows';
import { moment } from '../view/format';

export function Comments({ task, me }: { task: string; me: string | undefined }) {
  const comments = useComments(task);
  return (
    <section>
      <h3 id="comments">Comments {comments.length > 0 && <span className="count">{comments.length}</span>}</h3>
      {comments.length === 0 ? (
        <p className="comments-empty">Nobody has said anything yet.</p>
      ) : (
        <ol className="comments" aria-labelledby="comments">
          {comments.map((comment) => <Said key={comment.id} comment={comment} />)}
        </ol>
      )}
      {me && <Say task={task} me={me} />}
    </section>
  );
}

function Said({ comment }: { comment: Comment }) {
  const author = usePerson(comment.authorId);
  return (
    <li className="comment">
      <Avatar person={author} size={28} />
      <div>
        <p className="comment-head">
          <strong>{author?.name ?? 'Somebody'}</strong>
          {comment.createdAt ? <time dateTime={comment.createdAt}>{moment(comment.createdAt)}</time> : <span>sending…</span>}
        </p>
        <p className="comment-body">{comment.body}</p>
      </div>
    </li>
  );
}

function Say({ task, me }: { task: string; me: string }) {
  const [body, setBody] = useState('');
  const author = usePerson(me);
  const say = () => {
    if (!body.trim()) return;
    createComment({ taskId: task, authorId: me, body: body.trim() });
    setBody('');
  };
  return (
    <form
      className="say"
      onSubmit={(event) => {
        event.preventDefault();
        say();
      }}
    >
      <Avatar person={author} size={28} />
      <textarea
        rows={2}
        aria-label="Your comment"
        placeholder={`Say something as ${author?.name ?? 'yourself'}`}
        value={body}
        onChange={(event) => setBody(event.target.value)}
        onKeyDown={(event) => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && say()}
      />
      <button className="primary" disabled={!body.trim()}>Comment</button>
    </form>
  );
}
