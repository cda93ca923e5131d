import os
import unittest
import urllib.error
import urllib.request

import httpx

API = os.environ["API_URL"]


class ItemsTest(unittest.TestCase):
    def setUp(self):
        self.client = httpx.Client(base_url=API, timeout=5)
        self.addCleanup(self.client.close)

    def test_first_item(self):
        self.assertEqual(self.client.get("/api/items/1").json()["name"], "alpha")

    def test_all_items(self):
        items = self.client.get("/api/items").json()["items"]
        self.assertTrue(items)
        for item in items:
            with self.subTest(item=item["id"]):
                self.assertGreater(item["price"], 0)

    def test_unknown_item(self):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{API}/api/items/99", timeout=5)
        self.assertEqual(caught.exception.code, 404)
        caught.exception.close()


class AsyncItemsTest(unittest.IsolatedAsyncioTestCase):
    async def test_health(self):
        async with httpx.AsyncClient(base_url=API, timeout=5) as client:
            self.assertEqual((await client.get("/health")).json()["status"], "healthy")


class FetchedOnceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.body = httpx.get(f"{API}/api/items", timeout=5).json()

    def test_total(self):
        self.assertEqual(self.body["total"], 2)
