import netra_backend_that_is_not_there


def test_items():
    assert netra_backend_that_is_not_there.items()
