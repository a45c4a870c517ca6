mod world;
use everwire::*;
use std::sync::Arc;
#[tokio::test]
async fn scratch() {
    let url = std::env::var("SCRATCH_URL").unwrap();
    let pool = request::connect(url.parse().unwrap(), 4, std::time::Duration::from_secs(5));
    let model = Arc::new(model::load(&pool, &["public".into()]).await.unwrap());
    println!("{:?}", model.clashes);
    let schema = Arc::new(schema::Schema::build(model).unwrap());
    let docs = operation::Documents::new(schema.clone(), Default::default());
    let reqs = request::Requests::new(pool, Default::default());
    for q in std::fs::read_to_string("/tmp/q.graphql").unwrap().split("####") {
        let (q, vars) = q.split_once("----").unwrap_or((q, "{}"));
        println!("\n=== {}", q.trim());
        match docs.prepare(&Default::default(), q, None) {
            Err(e) => {
                for e in e {
                    println!("  {}", e.to_json())
                }
            }
            Ok(d) => {
                let vars = serde_json::from_str::<Box<serde_json::value::RawValue>>(vars.trim()).unwrap();
                match d.variables(Some(&vars)) {
                    Err(e) => println!("  {}", e.to_json()),
                    Ok(v) => {
                        let f = d.fields(&v).unwrap();
                        if std::env::var("SQL").is_ok() {
                            println!(
                                "{:#?}",
                                request::plan(&schema, d.kind, d.root_type(), &f, &v, Default::default())
                            );
                        }
                        let a = reqs.answer(&schema, &d, &v).await;
                        println!(
                            "{} {:?} {:?}",
                            a.data.map(|d| String::from_utf8_lossy(&d).into_owned()).unwrap_or_default(),
                            a.errors,
                            a.transaction
                        );
                    }
                }
            }
        }
    }
}
