from pathlib import Path

GENERATED = Path(__file__).with_name("test_generated.py")

if not GENERATED.exists():
    GENERATED.write_text("def test_generated_placeholder():\n    print('[PASS] Placeholder test')\n")
