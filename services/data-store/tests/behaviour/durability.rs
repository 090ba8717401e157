use data_store::Storage as _;

use crate::support::{Place, put};

#[tokio::test]
async fn records_survive_a_stop_in_order() {
    let place = Place::new();
    let storage = place.open().await.unwrap();
    let written = put(&storage, "a", "1").await;
    drop(storage);

    let storage = place.open().await.unwrap();

    assert_eq!(storage.get("a").await.unwrap(), Some(written));
}
