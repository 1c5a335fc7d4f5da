{
  const asked = new URLSearchParams(location.search).get("lang");
  let kept = null;
  try { kept = localStorage.getItem("paperline.language"); } catch {}
  const choice = document.getElementById(`lang-${asked ?? kept}`);
  if (choice) choice.checked = true;
}
