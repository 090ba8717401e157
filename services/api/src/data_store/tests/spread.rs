//! Over which addresses calls are spread.

use std::time::Duration;

use tonic::Code;
use tonic_types::StatusExt as _;

use super::{
    client::{Client, addrs, pass},
    scripted::{Script, Scripted, several},
};

/// Longer than any backoff, and than it takes until the name is resolved again.
const LONG: Duration = Duration::from_secs(40);

async fn say_hello(client: &Client, times: usize) {
    for _ in 0..times {
        client.say_hello().await.unwrap();
    }
}

#[tokio::test]
async fn calls_are_spread_evenly_over_all_addresses() {
    let servers = several(3).await;
    let client = Client::of(&servers).await;

    say_hello(&client, 300).await;

    for server in &servers {
        assert_eq!(server.calls(), 100, "{}", server.addr);
    }
}

#[tokio::test]
async fn watches_are_spread_evenly_over_all_addresses() {
    let servers = several(3).await;
    let client = Client::of(&servers).await;

    let mut watches = Vec::new();
    for _ in 0..30 {
        watches.push(client.watch().await.unwrap());
    }

    for server in &servers {
        server.has_watches(10).await;
    }
}

#[tokio::test]
async fn the_first_call_goes_to_an_address_that_serves() {
    let mut servers = several(3).await;
    let addrs = addrs(&servers);
    let last = servers.pop().unwrap();
    for server in servers {
        server.die().await;
    }
    let client = Client::new(addrs).await;

    client.put().await.unwrap();

    assert_eq!(last.calls(), 1);
}

#[tokio::test]
async fn an_address_that_dies_is_called_no_more_and_no_call_that_can_be_repeated_fails() {
    let mut servers = several(3).await;
    let client = Client::of(&servers).await;
    say_hello(&client, 3).await;
    let dying = servers.remove(1);
    dying.script(Script::Hold);
    let under_way = futures::future::join_all((0..9).map(|_| client.say_hello()));

    let dies = async {
        dying.has_calls(4).await;
        dying.die().await;
    };
    let (answers, ()) = tokio::join!(under_way, dies);
    say_hello(&client, 60).await;

    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let calls: Vec<_> = servers.iter().map(Scripted::calls).collect();
    // All but the first call to the one that died.
    assert_eq!(calls.iter().sum::<usize>(), 3 + 9 + 60 - 1);
    assert!(calls.iter().all(|calls| *calls >= 30), "{calls:?}");
}

#[tokio::test]
async fn an_address_that_comes_back_is_called_again() {
    let mut servers = several(2).await;
    let client = Client::of(&servers).await;
    let gone = servers.remove(1);
    let addr = gone.addr;
    say_hello(&client, 2).await;
    gone.die().await;
    say_hello(&client, 4).await;

    let back = Scripted::at(addr).await;
    pass(LONG).await;
    client.reaches(addr).await;
    say_hello(&client, 10).await;

    assert_eq!(back.calls(), 5);
}

#[tokio::test]
async fn another_resolution_moves_calls_and_lets_those_under_way_finish() {
    let mut servers = several(2).await;
    let new = servers.pop().unwrap();
    let old = servers.pop().unwrap();
    let client = Client::new(vec![old.addr]).await;
    client.knows(&[old.addr]).await;
    old.script(Script::Hold);
    // It is resolved again, and the answer is not there yet.
    client.rename(None);
    pass(LONG).await;

    let moves = async {
        old.has_calls(1).await;
        client.rename(Some(vec![new.addr]));
        client.knows(&[new.addr]).await;
        say_hello(&client, 10).await;
        old.script(Script::Answer);
    };
    let (under_way, ()) = tokio::join!(client.put(), moves);

    under_way.unwrap();
    assert_eq!((old.calls(), new.calls()), (1, 10));
}

#[tokio::test]
async fn an_address_that_joins_is_called_too() {
    let servers = several(2).await;
    let client = Client::new(vec![servers[0].addr]).await;
    say_hello(&client, 5).await;

    client.rename(Some(addrs(&servers)));
    pass(LONG).await;
    client.knows(&addrs(&servers)).await;
    say_hello(&client, 10).await;

    assert_eq!((servers[0].calls(), servers[1].calls()), (10, 5));
}

#[tokio::test]
async fn without_an_address_calls_are_unavailable_until_there_is_one() {
    let server = Scripted::start().await;
    let client = Client::new(Vec::new()).await;

    let status = client.put().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "DATA_STORE_UNAVAILABLE");

    client.rename(Some(vec![server.addr]));
    pass(LONG).await;
    client.knows(&[server.addr]).await;
    client.put().await.unwrap();
}

#[tokio::test]
async fn calls_carry_the_name_and_not_the_address() {
    let server = Scripted::start().await;
    let client = Client::of(std::slice::from_ref(&server)).await;

    client.say_hello().await.unwrap();

    assert_eq!(server.authorities(), ["data-store.invalid:8081"]);
}
