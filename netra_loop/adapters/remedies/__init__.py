"""How remedies are carried out: what changes a setting leaves a receipt, what changes code is judged and committed."""
