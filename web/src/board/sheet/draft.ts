// A field that is written when one leaves it. While it is being edited it keeps what was typed, whatever arrives from
// elsewhere; otherwise it follows the row.
import { useState } from 'react';

interface Draft {
  value: string;
  onChange: (event: { target: { value: string } }) => void;
  onBlur: () => void;
}

export function useDraft(stored: string, save: (text: string) => void): Draft {
  const [typed, setTyped] = useState<string>();
  return {
    value: typed ?? stored,
    onChange: ({ target }) => setTyped(target.value),
    onBlur: () => {
      if (typed !== undefined && typed !== stored) save(typed);
      setTyped(undefined);
    },
  };
}
