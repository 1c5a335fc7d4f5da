{
  const choice = name => document.getElementById(`lang-${name}`);
  const asked = new URLSearchParams(location.search).get("lang");
  let kept = null;
  try {
    kept = localStorage.getItem("paperline.language");
    if (kept === null && choice(asked)) localStorage.setItem("paperline.language", asked);
  } catch {}
  // Set in any case: browsers restore what was checked on the page before.
  const chosen = choice(asked) ?? choice(kept) ?? choice("both");
  if (chosen) chosen.checked = true;
}
