-- Nothing at all.
SELECT;
